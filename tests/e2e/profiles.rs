//! Profiles of the AWS configuration file, as a user of `plan` has them on a laptop.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use lambda_triggers_tests::env::{self, TestEnv};

use crate::objects::OWNER;
use crate::support::scheduled;

const CALLER: &str = "sts:GetCallerIdentity on the operator's credentials";

/// The files in the cache of `aws sso login`: the SHA-1 of the session `corp`, and of the start URL for a profile without a
/// session (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html>).
const TOKENS: [&str; 2] =
    ["ee0bfd2552fbd840c02cc48b6e823320543c450f.json", "a51746d4aa793ae07b25e90c3a5db96fc7832bd7.json"];

/// A folder with an AWS configuration file, which is also the home folder.
struct Home {
    folder: PathBuf,
}

impl Home {
    fn new(env: &TestEnv, config: &str) -> Self {
        let folder = env.directory().join("home");
        std::fs::create_dir_all(folder.join(".aws/sso/cache")).unwrap();
        std::fs::write(folder.join("config"), config).unwrap();
        Self { folder }
    }

    /// Writes a program, and returns its path.
    fn program(&self, text: &str) -> String {
        let path = self.folder.join("credentials.sh");
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// Plans a schedule with the profile `prod`. Returns the exit code, the output and the error.
    async fn plan(&self, env: &TestEnv) -> (Option<i32>, String, String) {
        let manifest = env.directory().join("nightly.yaml");
        std::fs::write(&manifest, scheduled("nightly", "report", "schedule: rate(1 day)")).unwrap();
        let manifest = manifest.display().to_string();
        let command = ["plan", "--filename", &manifest, "--owner-id", OWNER, "--namespace", env.namespace()];
        let (home, config) =
            (self.folder.display().to_string(), self.folder.join("config").display().to_string());
        let environment = [
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", ""),
            ("AWS_PROFILE", "prod"),
            ("AWS_CONFIG_FILE", &*config),
            ("HOME", &*home),
        ];
        let output = env.lambda_triggers(&command, &environment).await;
        (output.code, output.stdout, output.stderr)
    }
}

#[test]
fn a_plan_uses_the_credential_process_of_a_profile() {
    env::test("profile-process", async |env| {
        env.function("report").await;
        let home = Home::new(&env, "");
        let key = env.account();
        let json = format!(r#"{{"Version": 1, "AccessKeyId": "{key}", "SecretAccessKey": "test"}}"#);
        let program = home.program(&format!("echo '{json}'"));
        let home = Home::new(&env, &format!("[profile prod]\ncredential_process = {program}\n"));
        let (code, plan, errors) = home.plan(&env).await;
        assert_eq!((code, &*errors), (Some(2), ""), "{plan}");
        assert!(plan.starts_with(&format!("owner id {OWNER}, account {key}, eu-west-1")), "{plan}");

        // A process may print secrets, so an error shows nothing of its output.
        home.program("echo hunter2 | tee /dev/stderr; exit 1");
        let cause = "the credential_process of the profile `prod` fails; run the process by hand, and correct the AWS \
                     configuration file";
        assert_eq!(home.plan(&env).await, failed(cause));
    });
}

#[test]
fn an_expired_login_of_a_profile_names_the_command_of_the_next_login() {
    env::test("profile-sso", async |env| {
        let account = "sso_account_id = 123456789012\nsso_role_name = ReadOnly\n";
        let start = "sso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n";
        let session = format!("[profile prod]\nsso_session = corp\n{account}\n[sso-session corp]\n{start}");
        let former = format!("[profile prod]\n{account}{start}");
        let login = failed(
            "the profile `prod` has no valid login to IAM Identity Center; run aws sso login --profile prod, or give the \
             operator's service account a role (docs/iam.md)",
        );
        // The cache has no token.
        for config in [&former, &session] {
            assert_eq!(Home::new(&env, config).plan(&env).await, login);
        }
        // The login has expired.
        let token = r#"{"accessToken": "hunter2", "expiresAt": "2026-01-01T00:00:00Z", "region": "eu-west-1",
            "startUrl": "https://corp.awsapps.com/start"}"#;
        for config in [former, session] {
            let home = Home::new(&env, &config);
            for file in TOKENS {
                std::fs::write(home.folder.join(".aws/sso/cache").join(file), token).unwrap();
            }
            assert_eq!(home.plan(&env).await, login);
        }
    });
}

/// The result of a plan without credentials.
fn failed(cause: &str) -> (Option<i32>, String, String) {
    let unsent = format!("{CALLER} was not sent, because no credentials are available: {cause}");
    (Some(1), String::new(), format!("lambda-triggers: {unsent}\n"))
}
