//! Deletion of a namespace, and one operator for several namespaces.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use lambda_triggers_tests::env::{self, TestEnv};

use crate::objects::NO_RESYNC;
use crate::scheduled::view::{KIND, Rules, rules};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

const NOTHING: [&str; 0] = [];

#[test]
fn deleting_a_namespace_keeps_only_foreign_entries() {
    env::test("namespace-deleted", async |env| {
        if !env.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        env.function("both").await;
        let bucket = env.new_bucket("photos").await;
        let queue = env.queue("theirs").await;
        let foreign = format!(
            "<QueueConfiguration><Id>theirs</Id><Queue>{queue}</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>"
        );
        let foreign = format!(
            r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{foreign}</NotificationConfiguration>"#
        );
        env.put_document(&bucket, &foreign).await;
        let before = env.document_text(&bucket).await;
        // The deletion of the operator's own namespace would delete the Lease.
        let own_namespace = new_namespace(&env, "operator").await;
        let _controller = env.controller_in(&own_namespace, &NO_RESYNC);
        let filters = |prefix| format!("filters: [{{prefix: {prefix}/}}]");
        let objects = [
            scheduled("first", "both", "schedule: rate(1 hour)"),
            scheduled("second", "both", "schedule: rate(2 hours)"),
            s3("first", "both", &bucket, &filters("first")),
            s3("second", "both", &bucket, &filters("second")),
        ];
        env.apply(&objects.join("---\n")).await;
        for name in ["first", "second"] {
            env.until_ready("ScheduledFunction", name).await;
            env.until_ready("S3TriggeredFunction", name).await;
        }
        assert_eq!((rules(&env).await.len(), own(&env.document(&bucket).await).len()), (2, 2));

        let namespaces = Api::<Namespace>::all(env.kube().clone());
        namespaces.delete(env.namespace(), &DeleteParams::default()).await.unwrap();
        env.until(LIMIT, "the namespace to be gone", async || {
            match namespaces.get_opt(env.namespace()).await.unwrap() {
                None => Ok(()),
                Some(namespace) => Err(format!("{:?}", namespace.status)),
            }
        })
        .await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("both", None).await, NOTHING);
        assert_eq!(env.document_text(&bucket).await, before);
    });
}

/// Runs `kubectl` in another namespace than the env's.
async fn kubectl_in(env: &TestEnv, namespace: &str, args: &[&str], stdin: &str) -> String {
    let args = [args, &["--namespace", namespace]].concat();
    env.kubectl(&args, stdin).await.expect("kubectl")
}

async fn new_namespace(env: &TestEnv, suffix: &str) -> String {
    let name = format!("{}-{suffix}", env.namespace());
    let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    Api::all(env.kube().clone()).create(&PostParams::default(), &namespace).await.unwrap();
    name
}

/// An operator of listed namespaces derives its owner id from its own namespace, and need not watch that namespace.
#[test]
fn only_the_listed_namespaces_are_watched() {
    env::test_on_own_cluster("some", async |env| {
        let [first, second, other] = ["first", "second", "other"];
        let [first, second, other] = [
            new_namespace(&env, first).await,
            new_namespace(&env, second).await,
            new_namespace(&env, other).await,
        ];
        env.function("both").await;
        let list = format!("{first},{second}");
        let _controller = env.controller_of_all_namespaces(&["--namespace", &list, "--namespace", &first]);
        let code = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: code}\ndata: {app.py: 'first'}\n";
        let role = format!("arn:aws:iam::{}:role/lambda", env.account());
        let deployed = format!(
            "apiVersion: lambda-triggers.dev/v1alpha1\nkind: ScheduledFunction\nmetadata: {{name: deployed}}\nspec:\n  \
             schedule: rate(1 hour)\n  function:\n    definition: {{runtime: python3.13, handler: app.handler, roleArn: '{role}', \
             code: {{configMap: {{name: code}}}}}}\n"
        );
        let hourly = scheduled("hourly", "both", "schedule: rate(1 hour)");
        for namespace in [&first, &second, &other] {
            kubectl_in(&env, namespace, &["apply", "-f", "-"], &[code, &deployed, &hourly].join("---\n"))
                .await;
        }
        let wait = ["wait", "--for=condition=Ready", "--timeout=60s"];
        let objects = [format!("{KIND}/hourly"), format!("{KIND}/deployed")];
        for namespace in [&first, &second] {
            kubectl_in(&env, namespace, &[&wait[..], &[&objects[0], &objects[1]]].concat(), "").await;
        }
        let uid = ["get", "namespace", "default", "--output=jsonpath={.metadata.uid}"];
        let uid = kubectl_in(&env, "default", &uid, "").await;
        let owner = &uid[..8];
        let found = rules(&env).await.into_values().map(|rule| {
            let tag = |key: &str| rule.tags[&format!("lambda-triggers.dev/{key}")].clone();
            [tag("owner"), tag("namespace"), tag("name")]
        });
        let expected = [&first, &second].into_iter().flat_map(|namespace| {
            ["deployed", "hourly"].map(|name| [owner, namespace, name].map(str::to_owned))
        });
        assert_eq!(std::collections::BTreeSet::from_iter(found), expected.collect());

        // The operator watches the ConfigMaps in both namespaces.
        let changed = code.replace("first", "second");
        kubectl_in(&env, &second, &["apply", "-f", "-"], &changed).await;
        env.until(LIMIT, "the new code", async || {
            let calls = env.aws_proxy().calls(env.account());
            let updates = calls.iter().filter(|call| call.operation == "UpdateFunctionCode").count();
            if updates == 1 { Ok(()) } else { Err(updates) }
        })
        .await;
        let output = kubectl_in(&env, &first, &["delete", KIND, "hourly", "deployed"], "").await;
        assert_eq!(rules(&env).await.len(), 2, "{output}");
    });
}

#[test]
fn an_operator_can_watch_all_namespaces() {
    env::test_on_own_cluster("all", async |env| {
        let other = new_namespace(&env, "other").await;
        env.function("both").await;
        let _controller = env.controller_of_all_namespaces(&[]);
        let hourly = scheduled("hourly", "both", "schedule: rate(1 hour)");
        env.apply(&hourly).await;
        kubectl_in(&env, &other, &["apply", "-f", "-"], &hourly).await;
        let ready = format!("{KIND}/hourly");
        for namespace in [env.namespace(), &other] {
            kubectl_in(&env, namespace, &["wait", "--for=condition=Ready", "--timeout=60s", &ready], "")
                .await;
        }
        let owners: Vec<(String, String)> = rules(&env)
            .await
            .into_values()
            .map(|rule| {
                let tag = |key: &str| rule.tags[&format!("lambda-triggers.dev/{key}")].clone();
                assert!(tag("cluster").replace('-', "").starts_with(&tag("owner")), "{rule:?}");
                (tag("namespace"), tag("name"))
            })
            .collect();
        let expected =
            [env.namespace().to_owned(), other.clone()].map(|namespace| (namespace, "hourly".to_owned()));
        assert_eq!(std::collections::BTreeSet::from_iter(owners), expected.into());
        assert_eq!(env.statements("both", None).await.len(), 1, "one statement serves both");

        env.delete(KIND, "hourly").await;
        env.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&env).await.len(), 1);
        assert_eq!(env.statements("both", None).await.len(), 1);
        kubectl_in(&env, &other, &["delete", KIND, "hourly"], "").await;
        assert_eq!(rules(&env).await, Rules::new());
        assert_eq!(env.statements("both", None).await, NOTHING);
    });
}
