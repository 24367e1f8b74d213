//! The output of `lambda-triggers doctor`: the summary, JSON, the selection of results, and the names of the resources.

use kube::config::Kubeconfig;
use lambda_triggers_tests::env;
use serde_json::{Value, json};

use super::doctor::{doctor, lines_with_state};
use crate::objects::{NO_RESYNC, OWNER};
use crate::support::create_both_triggers;

#[test]
fn doctor_counts_the_results_and_repeats_the_failures() {
    env::test("doctor-summary", async |env| {
        let flags = ["--namespace", env.namespace(), "--owner-id", OWNER, "--function", "nowhere"];
        let (_, lines) = doctor(&env, &flags, &[]).await;
        let counts = ["failed", "skipped", "ok"].map(|state| lines_with_state(&lines, state).len());
        let [1, skipped, ok] = counts else { panic!("{lines:#?}") };
        let message = "does not exist in eu-west-1; deploy it there, or give another name, alias or Region";
        let printed = async |more: &[&str]| {
            let output = env.lambda_triggers(&[&["doctor"], &flags[..], more].concat(), &[]).await;
            assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""));
            output.stdout
        };
        let failed = format!("failed   function nowhere: {message}\n");
        let summary = format!("1 failed, {skipped} skipped, {ok} ok\n");
        let text = printed(&[]).await;
        assert!(text.ends_with(&format!("\n\n{failed}{summary}")), "{text}");
        assert_eq!(printed(&["--only", "failed"]).await, format!("{failed}\n{summary}"));
        let red = "\u{1b}[31m";
        assert!(printed(&["--color", "always"]).await.contains(red) && !text.contains(red));

        let json: Value = serde_json::from_str(&printed(&["--only=failed", "--output=json"]).await).unwrap();
        let expected = json!({
            "apiVersion": "cli.lambda-triggers.dev/v1alpha1",
            "kind": "Diagnosis",
            "summary": {"failed": 1, "skipped": skipped, "ok": ok},
            "checks": [{"name": "function nowhere", "result": "Failed", "message": message}],
        });
        assert_eq!(json, expected);
    });
}

#[test]
fn doctor_checks_functions_and_buckets_of_ready_resources() {
    env::test("doctor-names", async |env| {
        let _controller = env.controller(&NO_RESYNC);
        let bucket = create_both_triggers(&env).await;
        let flags = ["--namespace", env.namespace(), "--owner-id", OWNER];
        let (healthy, lines) = doctor(&env, &flags, &[]).await;
        assert!(healthy, "{lines:#?}");
        let about =
            |line: &&String| ["function", "bucket"].iter().any(|kind| line.contains(&format!(" {kind} ")));
        let function = format!("arn:aws:lambda:eu-west-1:{}:function:report", env.account());
        assert_eq!(
            lines.iter().filter(about).collect::<Vec<_>>(),
            [
                &format!("ok       function report: is {function}"),
                "ok       policy of function report: can be read",
                &format!(
                    "ok       bucket {bucket}: can be read; entries in its notification configuration: 1"
                ),
            ]
        );
    });
}

#[test]
fn doctor_uses_the_context_and_the_time_of_the_flags() {
    env::test("doctor-context", async |env| {
        let failed = async |flags: &[&str]| {
            let command = [&["doctor", "--only=failed", "--owner-id", OWNER], flags].concat();
            let output = env.lambda_triggers(&command, &[]).await;
            assert_eq!((output.code, output.stderr.as_str()), (Some(1), ""));
            output.stdout
        };
        let text = failed(&["--context", "nowhere", "--region", "eu-west-1"]).await;
        assert!(text.starts_with("failed   API server: no usable kubeconfig, and not in a pod: "), "{text}");
        assert!(text.contains("nowhere"), "{text}");
        let mut kubeconfig = Kubeconfig::read_from(env.operator_kubeconfig()).unwrap();
        let context = kubeconfig.current_context.replace("nowhere".into()).unwrap();
        let file = env.directory().join("contexts");
        std::fs::write(&file, serde_json::to_string(&kubeconfig).unwrap()).unwrap();
        let flags = ["--context", &context, "--namespace", env.namespace(), "--owner-id", OWNER];
        let (healthy, lines) = doctor(&env, &flags, &[("KUBECONFIG", file.to_str().unwrap())]).await;
        assert!(healthy && lines[0].starts_with("ok       API server: "), "{lines:#?}");
        let late = "failed   timeout: the command did not end within 1ms; give a longer --timeout, or check the network \
                    (docs/network.md)\n";
        let text = failed(&["--timeout", "1ms"]).await;
        assert!(text.starts_with(late), "{text}");
    });
}
