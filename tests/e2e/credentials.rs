//! Credential and connection errors: missing, refused and expired credentials, a wrong clock, and no connection. The
//! status and `doctor` name the remedy, and do not report a missing permission.

use std::ffi::OsString;

use lambda_triggers_tests::aws_proxy::{CredentialFault, Fault, FaultKind};
use lambda_triggers_tests::env::{self, Controller, TestEnv};

use crate::objects::{NO_RESYNC, OWNER, RESYNC_1S, allow, conditions, failed, wait_for_conditions};
use crate::support::{AwsView, LIMIT, scheduled};

const KIND: &str = "ScheduledFunction";
const CALL: &str = "lambda:GetPolicy on function thumbs";

/// Starts an operator with its own environment variables.
fn operator(env: &TestEnv, environment: &[(&str, &str)]) -> Controller {
    let own = ["run", "--namespace", env.namespace(), "--log-format", "text"];
    let arguments = own.iter().chain(&["--http-address", "127.0.0.1:0"]).chain(&NO_RESYNC);
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
    env.operator(arguments.map(ToString::to_string).collect(), environment.collect())
}

/// The environment of an operator without access keys.
const KEYLESS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];

async fn apply(env: &TestEnv) {
    env.apply(&scheduled("thumbs", "thumbs", "schedule: rate(1 hour)")).await;
}

async fn wait_for_failure(env: &TestEnv, state: &str, reason: &str, message: &str) {
    wait_for_conditions(env, KIND, "thumbs", &failed(state, reason, message, &[], "FunctionReady")).await;
}

/// The message of `doctor` about the credentials.
async fn doctor(env: &TestEnv, environment: &[(&'static str, &str)]) -> String {
    let command = ["doctor", "--owner-id", OWNER, "--namespace", env.namespace()];
    let output = env.lambda_triggers(&command, environment).await.stdout;
    let line = output.lines().find_map(|line| line.strip_prefix("failed   AWS credentials: "));
    line.unwrap_or_else(|| panic!("{output}")).to_owned()
}

fn unavailable(call: &str, cause: &str) -> String {
    format!("{call} was not sent, because no credentials are available: {cause}; trying again")
}

const CALLER: &str = "sts:GetCallerIdentity on the operator's credentials";

#[test]
fn missing_credentials_are_reported_with_the_remedy() {
    env::test("no-credentials", async |env| {
        env.function("thumbs").await;
        env.aws_proxy().clear_calls(env.account());
        let _controller = operator(&env, &KEYLESS);
        apply(&env).await;
        let cause = "the environment, the profile, the service account and the metadata of the container and \
                     the instance contain none; give the operator's service account a role (docs/iam.md) and \
                     restart the operator's pods, or set AWS_PROFILE or AWS_ACCESS_KEY_ID";
        wait_for_failure(&env, "Reconciling", "CredentialsUnavailable", &unavailable(CALLER, cause)).await;
        assert_eq!(env.aws_proxy().calls(env.account()), vec![]);
        assert_eq!(doctor(&env, &KEYLESS).await, unavailable(CALLER, cause));
    });
}

#[test]
fn a_missing_profile_is_named() {
    env::test("no-profile", async |env| {
        let file = env.directory().join("config");
        std::fs::write(&file, "[profile other]\nregion = eu-west-1\n").unwrap();
        let file = file.to_str().unwrap();
        let profile = [("AWS_PROFILE", "nowhere"), ("AWS_CONFIG_FILE", file)];
        let environment = [&KEYLESS[..], &profile].concat();
        let _controller = operator(&env, &environment);
        apply(&env).await;
        let message = env
            .until(LIMIT, "the profile to be named", async || {
                let found = conditions(&env, KIND, "thumbs").await;
                found
                    .first()
                    .filter(|ready| ready[2] == "CredentialsUnavailable")
                    .map(|ready| ready[3].clone())
            })
            .await;
        assert!(message.contains("profile `nowhere` was not defined"), "{message}");
        assert!(message.contains("set AWS_PROFILE to an existing profile"), "{message}");
        assert_eq!(doctor(&env, &environment).await, message);
    });
}

#[test]
fn a_role_refused_by_sts_is_named() {
    env::test("sts-refuses", async |env| {
        let token = env.directory().join("token");
        std::fs::write(&token, "a.b.c").unwrap();
        let role = format!("arn:aws:iam::{}:role/lambda-triggers", env.account());
        let identity = [("AWS_ROLE_ARN", &*role), ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap())];
        let environment = [&KEYLESS[..], &identity].concat();
        let action = "AssumeRoleWithWebIdentity";
        let cases = [
            (
                "AccessDenied",
                "make sure that the role exists and that its trust policy names this service account of this \
                 cluster (docs/iam.md)",
            ),
            (
                "InvalidIdentityToken",
                "make sure that IAM has the cluster's OIDC provider with the audience sts.amazonaws.com \
                 (docs/iam.md)",
            ),
            ("ExpiredTokenException", "the service account's token has expired: restart the operator's pods"),
        ];
        apply(&env).await;
        for (code, remedy) in cases {
            let refused =
                FaultKind::refuse(403, code, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
            env.aws_proxy().inject(env.account(), Fault::on(action, refused).times(usize::MAX));
            let mut controller = operator(&env, &environment);
            let cause = format!("STS refuses sts:{action} of role {role} ({code}); {remedy}");
            wait_for_failure(&env, "Reconciling", "CredentialsUnavailable", &unavailable(CALLER, &cause))
                .await;
            assert_eq!(doctor(&env, &environment).await, unavailable(CALLER, &cause));
            allow(&env);
            controller.stop().await;
        }
        std::fs::remove_file(&token).unwrap();
        let _controller = operator(&env, &environment);
        let cause = "the file in AWS_WEB_IDENTITY_TOKEN_FILE cannot be read; make sure that the service \
                     account's token is mounted in the operator's pods, and restart the pods";
        wait_for_failure(&env, "Reconciling", "CredentialsUnavailable", &unavailable(CALLER, cause)).await;
    });
}

#[test]
fn a_failed_connection_is_reported_with_its_cause() {
    env::test("not-connected", async |env| {
        let tls = env.aws_endpoint().replace("http://", "https://");
        let cases = [
            (
                "http://127.0.0.1:1",
                "the connection is refused; check the proxy (docs/network.md), the firewall and \
                 AWS_ENDPOINT_URL",
            ),
            (
                "http://nowhere.invalid",
                "DNS does not find the endpoint's name; make sure that the cluster's DNS resolves the name, \
                 and that the Region and AWS_ENDPOINT_URL are correct",
            ),
            (
                &tls,
                "the TLS handshake failed; make sure that the operator trusts the certificate of the endpoint, \
                 or of a proxy in between: set AWS_CA_BUNDLE to a file with the certificate authorities \
                 (docs/network.md)",
            ),
        ];
        apply(&env).await;
        for (endpoint, cause) in cases {
            let environment = [("AWS_ENDPOINT_URL", endpoint)];
            let mut controller = operator(&env, &environment);
            let message = |call: &str| {
                format!("{call} was not sent, because there is no connection to AWS: {cause}; trying again")
            };
            wait_for_failure(&env, "Reconciling", "AwsUnavailable", &message(CALLER)).await;
            assert_eq!(doctor(&env, &environment).await, message(CALLER));
            controller.stop().await;
        }
    });
}

/// The state, the reason and the message of a call with refused credentials.
fn refused(fault: CredentialFault, call: &str, code: &str) -> (&'static str, &'static str, String) {
    let (state, reason, rest) = match fault {
        CredentialFault::Expired => (
            "Reconciling",
            "CredentialsExpired",
            format!(
                "the operator's credentials have expired ({code}); trying again. Credentials of a role are \
                 renewed automatically. Renew keys that were set by hand. If the error lasts, restart the \
                 operator's pods"
            ),
        ),
        CredentialFault::ClockBehind => (
            "Reconciling",
            "ClockSkewed",
            format!(
                "the operator's clock is wrong by more than AWS allows ({code}); trying again: set the clock \
                 of the operator's node (NTP)"
            ),
        ),
        CredentialFault::Unknown | CredentialFault::WrongSignature => (
            "Stalled",
            "CredentialsRefused",
            format!(
                "AWS does not accept the operator's credentials ({code}): give the operator's service account \
                 its role (docs/iam.md), or set a valid pair of keys, and restart the operator's pods. AWS \
                 gives the same answer in a Region that is not enabled in the account: enable the Region, or \
                 name another Region in spec.region"
            ),
        ),
        CredentialFault::RegionNotEnabled => (
            "Stalled",
            "RegionNotEnabled",
            format!(
                "the account may not use the service in this Region ({code}): enable the Region in the \
                 account, or name another Region in spec.region"
            ),
        ),
    };
    (state, reason, format!("AWS refuses {call}, because {rest}"))
}

#[test]
fn each_credential_error_has_its_own_message() {
    env::test("credentials", async |env| {
        env.function("thumbs").await;
        let cases = [
            (CredentialFault::Expired, "ExpiredTokenException", "ExpiredToken"),
            (CredentialFault::Unknown, "UnrecognizedClientException", "InvalidClientTokenId"),
            (CredentialFault::WrongSignature, "InvalidSignatureException", "SignatureDoesNotMatch"),
            (CredentialFault::ClockBehind, "InvalidSignatureException", "SignatureDoesNotMatch"),
            (CredentialFault::RegionNotEnabled, "OptInRequired", "RegionDisabledException"),
        ];
        let _controller = env.controller(&RESYNC_1S);
        apply(&env).await;
        for (fault, code, sts_code) in cases {
            let refuse = |operation: &str| {
                let fault = Fault::on(operation, FaultKind::Credentials(fault)).times(usize::MAX);
                env.aws_proxy().inject(env.account(), fault);
            };
            refuse("GetPolicy");
            let (state, reason, message) = refused(fault, CALL, code);
            let expected = failed(state, reason, &message, &[], "PermissionReady");
            wait_for_conditions(&env, KIND, "thumbs", &expected).await;
            refuse("GetCallerIdentity");
            assert_eq!(doctor(&env, &[]).await, refused(fault, CALLER, sts_code).2);
            allow(&env);
            env.until_ready(KIND, "thumbs").await;
        }
    });
}

#[test]
fn credential_errors_of_eventbridge_and_s3_are_recognized() {
    env::test("credentials-of", async |env| {
        env.function("thumbs").await;
        let bucket = env.new_bucket("photos").await;
        for operation in ["ListRules", "GetBucketNotificationConfiguration"] {
            let expired = FaultKind::Credentials(CredentialFault::Expired);
            env.aws_proxy().inject(env.account(), Fault::on(operation, expired).times(usize::MAX));
        }
        let _controller = env.controller(&RESYNC_1S);
        apply(&env).await;
        env.apply(&crate::support::s3("thumbs", "thumbs", &bucket, "")).await;
        let call = format!("events:ListRules on rules lt-{OWNER}-*");
        let (state, reason, message) = refused(CredentialFault::Expired, &call, "ExpiredTokenException");
        let expected = failed(state, reason, &message, &[], "RuleReady");
        wait_for_conditions(&env, KIND, "thumbs", &expected).await;
        let call = format!("s3:GetBucketNotification on bucket {bucket}");
        let (state, reason, message) = refused(CredentialFault::Expired, &call, "ExpiredToken");
        let expected = failed(state, reason, &message, &[], "NotificationReady");
        wait_for_conditions(&env, "S3TriggeredFunction", "thumbs", &expected).await;
        allow(&env);
        env.until_ready(KIND, "thumbs").await;
        env.until_ready("S3TriggeredFunction", "thumbs").await;
    });
}
