//! Namespaces: deleted with all that is in them, and several under one operator.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use lambda_triggers_tests::world::{self, World};

use crate::objects::NO_RESYNC;
use crate::scheduled::view::{KIND, Rules, rules};
use crate::support::{AwsView, LIMIT, own, s3, scheduled};

const NOBODY: [&str; 0] = [];

#[test]
fn a_deleted_namespace_takes_everything_with_it() {
    world::test("namespace-deleted", async |w| {
        if !w.removes_namespaces() {
            eprintln!("skipped: the API server of KUBEBUILDER_ASSETS runs no namespace controller");
            return;
        }
        w.function("both").await;
        let bucket = w.new_bucket("photos").await;
        let queue = w.queue("theirs").await;
        let theirs = format!(
            "<QueueConfiguration><Id>theirs</Id><Queue>{queue}</Queue><Event>s3:ObjectRemoved:*</Event></QueueConfiguration>"
        );
        let theirs = format!(
            r#"<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{theirs}</NotificationConfiguration>"#
        );
        w.put_document(&bucket, &theirs).await;
        let before = w.document_text(&bucket).await;
        let _controller = w.controller(&NO_RESYNC);
        let filters = |prefix| format!("filters: [{{prefix: {prefix}/}}]");
        let objects = [
            scheduled("first", "both", "schedule: rate(1 hour)"),
            scheduled("second", "both", "schedule: rate(2 hours)"),
            s3("first", "both", &bucket, &filters("first")),
            s3("second", "both", &bucket, &filters("second")),
        ];
        w.apply(&objects.join("---\n")).await;
        for name in ["first", "second"] {
            w.until_ready("ScheduledFunction", name).await;
            w.until_ready("S3TriggeredFunction", name).await;
        }
        assert_eq!((rules(&w).await.len(), own(&w.document(&bucket).await).len()), (2, 2));

        let namespaces = Api::<Namespace>::all(w.kube().clone());
        namespaces.delete(w.namespace(), &DeleteParams::default()).await.unwrap();
        w.until(LIMIT, "the namespace to be gone", async || {
            match namespaces.get_opt(w.namespace()).await.unwrap() {
                None => Ok(()),
                Some(namespace) => Err(format!("{:?}", namespace.status)),
            }
        })
        .await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(w.statements("both", None).await, NOBODY);
        assert_eq!(w.document_text(&bucket).await, before);
    });
}

/// `kubectl` in another namespace than the world's.
async fn kubectl_in(w: &World, namespace: &str, args: &[&str], stdin: &str) -> String {
    let args = [args, &["--namespace", namespace]].concat();
    w.kubectl(&args, stdin).await.expect("kubectl")
}

async fn new_namespace(w: &World, suffix: &str) -> String {
    let name = format!("{}-{suffix}", w.namespace());
    let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    Api::all(w.kube().clone()).create(&PostParams::default(), &namespace).await.unwrap();
    name
}

/// The operator of some namespaces has its owner id from its own one, which it need not watch.
#[test]
fn several_namespaces_are_watched_and_no_others() {
    world::test_on_own_cluster("some", async |w| {
        let [first, second, other] = ["first", "second", "other"];
        let [first, second, other] =
            [new_namespace(&w, first).await, new_namespace(&w, second).await, new_namespace(&w, other).await];
        w.function("both").await;
        let list = format!("{first},{second}");
        let _controller = w.controller_of_all_namespaces(&["--namespace", &list, "--namespace", &first]);
        let code = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: code}\ndata: {app.py: 'first'}\n";
        let role = format!("arn:aws:iam::{}:role/lambda", w.account());
        let deployed = format!(
            "apiVersion: lambda-triggers.dev/v1alpha1\nkind: ScheduledFunction\nmetadata: {{name: deployed}}\nspec:\n  \
             schedule: rate(1 hour)\n  function:\n    definition: {{runtime: python3.13, handler: app.handler, role: '{role}', \
             code: {{configMap: {{name: code}}}}}}\n"
        );
        let hourly = scheduled("hourly", "both", "schedule: rate(1 hour)");
        for namespace in [&first, &second, &other] {
            kubectl_in(&w, namespace, &["apply", "-f", "-"], &[code, &deployed, &hourly].join("---\n")).await;
        }
        let wait = ["wait", "--for=condition=Ready", "--timeout=60s"];
        let objects = [format!("{KIND}/hourly"), format!("{KIND}/deployed")];
        for namespace in [&first, &second] {
            kubectl_in(&w, namespace, &[&wait[..], &[&objects[0], &objects[1]]].concat(), "").await;
        }
        let uid = ["get", "namespace", w.namespace(), "--output=jsonpath={.metadata.uid}"];
        let uid = kubectl_in(&w, w.namespace(), &uid, "").await;
        let owner = &uid[..8];
        let found = rules(&w).await.into_values().map(|rule| {
            let tag = |key: &str| rule.tags[&format!("lambda-triggers.dev/{key}")].clone();
            [tag("owner"), tag("namespace"), tag("name")]
        });
        let expected = [&first, &second].into_iter().flat_map(|namespace| {
            ["deployed", "hourly"].map(|name| [owner, namespace, name].map(str::to_owned))
        });
        assert_eq!(std::collections::BTreeSet::from_iter(found), expected.collect());

        // A change of a ConfigMap is noticed in each of them.
        let changed = code.replace("first", "second");
        kubectl_in(&w, &second, &["apply", "-f", "-"], &changed).await;
        w.until(LIMIT, "the new code", async || {
            let calls = w.aws_proxy().calls(w.account());
            let updates = calls.iter().filter(|call| call.operation == "UpdateFunctionCode").count();
            if updates == 1 { Ok(()) } else { Err(updates) }
        })
        .await;
        let gone = kubectl_in(&w, &first, &["delete", KIND, "hourly", "deployed"], "").await;
        assert_eq!(rules(&w).await.len(), 2, "{gone}");
    });
}

#[test]
fn one_operator_looks_after_all_namespaces() {
    world::test_on_own_cluster("all", async |w| {
        let other = new_namespace(&w, "other").await;
        w.function("both").await;
        let _controller = w.controller_of_all_namespaces(&[]);
        let hourly = scheduled("hourly", "both", "schedule: rate(1 hour)");
        w.apply(&hourly).await;
        kubectl_in(&w, &other, &["apply", "-f", "-"], &hourly).await;
        let ready = format!("{KIND}/hourly");
        for namespace in [w.namespace(), &other] {
            kubectl_in(&w, namespace, &["wait", "--for=condition=Ready", "--timeout=60s", &ready], "").await;
        }
        let owners: Vec<(String, String)> = rules(&w)
            .await
            .into_values()
            .map(|rule| {
                let tag = |key: &str| rule.tags[&format!("lambda-triggers.dev/{key}")].clone();
                assert!(tag("cluster").replace('-', "").starts_with(&tag("owner")), "{rule:?}");
                (tag("namespace"), tag("name"))
            })
            .collect();
        let expected =
            [w.namespace().to_owned(), other.clone()].map(|namespace| (namespace, "hourly".to_owned()));
        assert_eq!(std::collections::BTreeSet::from_iter(owners), expected.into());
        assert_eq!(w.statements("both", None).await.len(), 1, "one statement serves both");

        w.delete(KIND, "hourly").await;
        w.until_gone(KIND, "hourly").await;
        assert_eq!(rules(&w).await.len(), 1);
        assert_eq!(w.statements("both", None).await.len(), 1);
        kubectl_in(&w, &other, &["delete", KIND, "hourly"], "").await;
        assert_eq!(rules(&w).await, Rules::new());
        assert_eq!(w.statements("both", None).await, NOBODY);
    });
}
