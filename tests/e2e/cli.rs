//! The commands of `lambda-triggers` in a shell: exit codes, closed pipes, colour, and the plugin of kubectl.

use lambda_triggers_tests::env::{self, TestEnv};

/// Runs a command line. Returns its exit code, its stdout and its stderr.
async fn run(env: &TestEnv, command: &str) -> (String, String, String) {
    let file = env.directory().join("exit-code").display().to_string();
    let output = env.shell(&format!("code=0; {command} || code=$?; echo $code > '{file}'")).await;
    (std::fs::read_to_string(&file).unwrap().trim().into(), output.stdout, output.stderr)
}

const NEVER: &str = "explain schedule 'cron(0 18 1 1 ? 2026)' --from 2027-01-01T00:00:00Z";

#[test]
fn a_failure_has_the_exit_code_1() {
    let cases = [
        ("", "1", "Usage: lambda-triggers [OPTIONS] <COMMAND>"),
        ("tpyo", "1", "error: unrecognized subcommand 'tpyo'"),
        ("doctor --tpyo", "1", "error: unexpected argument '--tpyo' found"),
        ("explain", "1", "Usage: lambda-triggers explain [OPTIONS] <COMMAND>"),
        ("explain schedule 'rate(1 hours)'", "1", "lambda-triggers: spec.schedule: write rate(1 hour)\n"),
        ("explain schedule '0 18 * * *' --zone Mars", "1", ": write the IANA name of a time zone, such as"),
        (
            "explain schedule '0 18 * * *' --from 2027",
            "1",
            ": write a time with an offset, such as 2027-01-01T",
        ),
        (NEVER, "1", ""),
        ("explain key photos/a", "1", ": write bucket and key, such as s3://photos/images/1.jpg"),
        ("explain key s3://photos/a --offline", "1", "--filename <PATH>"),
        ("explain key s3://photos/a --filename /nowhere", "1", "lambda-triggers: cannot read /nowhere: "),
        (
            "explain key s3://nowhere-at-all/a",
            "1",
            "bucket nowhere-at-all is not readable: it does not exist",
        ),
        ("explain bucket nowhere-at-all", "1", "bucket nowhere-at-all is not readable: it does not exist"),
        ("explain name photos", "1", "lambda-triggers: photos is no name of an operator: "),
        ("explain name lt-1a2b3c4d-media-x-0123456789", "1", ""),
        ("iam-policy --for scheduler-role --with kms", "1", "lambda-triggers: --with belongs to --for run, "),
        ("crds --dir /nowhere", "1", "lambda-triggers: No such file or directory"),
        ("man --dir /nowhere", "1", "lambda-triggers: cannot write the manual pages to /nowhere: "),
        ("completion tcsh", "1", "error: invalid value 'tcsh' for '<PROGRAM>'"),
        ("--help", "0", ""),
        ("--version", "0", ""),
        ("help explain", "0", ""),
        ("version", "0", ""),
        ("version --output json", "0", ""),
        ("crds", "0", ""),
        ("completion bash", "0", ""),
        ("explain schedule '@daily'", "0", ""),
        ("explain schedule 'rate(1 hour)'", "0", ""),
        ("explain name lt-1a2b3c4d-rules", "0", ""),
        ("iam-policy --account 123456789012 --owner-id 1a2b3c4d", "0", ""),
        ("iam-policy --for plan --account 123456789012 --owner-id 1a2b3c4d", "0", ""),
    ];
    env::test("cli-exit-codes", async |env| {
        for (arguments, expected, message) in cases {
            let (code, stdout, stderr) = run(&env, &format!("lambda-triggers {arguments}")).await;
            let place = format!("{arguments}: {stdout}{stderr}");
            assert_eq!(code, expected, "{place}");
            assert!(stderr.contains(message), "{place}");
            // An answer without a find is still an answer, and belongs to stdout.
            assert_eq!(stdout.is_empty(), !message.is_empty(), "{place}");
            assert_eq!(stderr.is_empty(), message.is_empty(), "{place}");
        }
        let (_, help, _) = run(&env, "lambda-triggers --help").await;
        assert!(help.contains("\n\nExit codes:\n  0    Success\n  1    Failure: "), "{help}");
    });
}

#[test]
fn a_closed_pipe_is_no_failure() {
    env::test("cli-closed-pipe", async |env| {
        for (arguments, code) in
            [("crds", 0), ("--help", 0), ("explain schedule @daily", 0), (NEVER, 1), ("tpyo", 1)]
        {
            // The pipe is closed before the first write.
            let script =
                format!("{{ sleep 0.2; lambda-triggers {arguments} 2>&1; echo \"exit $?\" >&2; }} | true");
            let stderr = env.shell(&format!("set +e; {script}")).await.stderr;
            assert_eq!(stderr, format!("exit {code}\n"), "{arguments}");
        }
    });
}

#[test]
fn flag_and_environment_decide_about_colour() {
    let bold = "\u{1b}[1m";
    env::test("cli-colour", async |env| {
        for (environment, flags, has_colour) in [
            ("", "", false),
            ("", "--color always", true),
            ("NO_COLOR=1", "--color always", true),
            ("CLICOLOR_FORCE=1", "", true),
            ("CLICOLOR_FORCE=1 NO_COLOR=1", "", false),
            ("CLICOLOR_FORCE=1", "--color never", false),
        ] {
            let command = format!("{environment} lambda-triggers explain schedule @daily {flags}");
            let (_, stdout, _) = run(&env, &command).await;
            assert_eq!(stdout.contains(bold), has_colour, "{command}: {stdout:?}");
        }
    });
}

#[test]
fn kubectl_runs_and_completes_the_plugin() {
    env::test("cli-kubectl", async |env| {
        let folder = env.directory().join("plugin");
        std::fs::create_dir(&folder).unwrap();
        let folder = folder.display();
        let install = format!(
            "ln -s \"$(command -v lambda-triggers)\" '{folder}/kubectl-lambda_triggers'
             lambda-triggers completion kubectl > '{folder}/kubectl_complete-lambda_triggers'
             chmod +x '{folder}/kubectl_complete-lambda_triggers'"
        );
        env.shell(&install).await.expect("install");
        let path = format!("PATH='{folder}':\"$PATH\"");
        let (code, stdout, stderr) =
            run(&env, &format!("{path} kubectl lambda-triggers version --tpyo")).await;
        assert_eq!((&*code, &*stdout), ("1", ""));
        assert!(stderr.contains("Usage: kubectl lambda-triggers version [OPTIONS]"), "{stderr}");
        let candidates = async |words: &str| {
            let complete = format!("{path} kubectl __complete lambda-triggers {words}");
            env.shell(&complete).await.expect("kubectl __complete")
        };
        assert_eq!(candidates("explain na").await, "name\tFind the resource behind a name in AWS\n:4\n");
        assert_eq!(
            candidates("version --output ''").await,
            "text\tText, for people\njson\tOne JSON document, for scripts\n:4\n"
        );
    });
}

#[test]
fn the_version_names_the_oldest_kubernetes_of_the_chart() {
    let chart = include_str!("../../charts/lambda-triggers/Chart.yaml");
    env::test("cli-version", async |env| {
        let (_, stdout, _) = run(&env, "lambda-triggers version --output json").await;
        let version: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        let oldest = version["kubernetes"]["oldest"].as_str().unwrap();
        assert!(chart.contains(&format!("kubeVersion: \">={oldest}.0-0\"")), "{stdout}");
        assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    });
}

#[test]
fn each_command_has_a_manual_page() {
    env::test("cli-man", async |env| {
        let folder = env.directory().join("man");
        std::fs::create_dir(&folder).unwrap();
        env.shell(&format!("lambda-triggers man --dir '{}'", folder.display())).await.expect("man");
        let mut expected = vec![];
        let mut commands = vec![("lambda-triggers".to_owned(), lambda_triggers::cli::command())];
        while let Some((name, command)) = commands.pop() {
            let nested = command.get_subcommands().filter(|command| !command.is_hide_set());
            commands.extend(nested.map(|nested| (format!("{name}-{}", nested.get_name()), nested.clone())));
            expected.push(format!("{name}.1"));
        }
        let mut pages: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter(|page| !page.contains("help"))
            .collect();
        pages.sort();
        expected.sort();
        assert_eq!(pages, expected);
    });
}

#[test]
fn the_former_flags_of_doctor_print_the_policies() {
    let scope = "--account 123456789012 --owner-id 1a2b3c4d";
    env::test("cli-former-flags", async |env| {
        for (former, now) in [
            ("--print-iam-policy --with kms", &["--with kms"][..]),
            ("--print-scheduler-role=trust", &["--for scheduler-role-trust"]),
            ("--print-scheduler-role=permissions", &["--for scheduler-role"]),
            ("--print-scheduler-role", &["--for scheduler-role-trust", "--for scheduler-role"]),
        ] {
            let mut expected = String::new();
            for flags in now {
                expected +=
                    &env.shell(&format!("lambda-triggers iam-policy {scope} {flags}")).await.expect(flags);
            }
            let printed = env.shell(&format!("lambda-triggers doctor {scope} {former}")).await.expect(former);
            assert_eq!(printed, expected, "{former}");
        }
    });
}
