//! Commands of the documentation that need a cluster with nodes or an account of AWS. The tests check the parts that
//! belong to this repository: flags of the operator, values of the chart, and trust policies.

use lambda_triggers_tests::env::{self, TestEnv};
use serde_json::Value;

use super::manifests::has_kind;
use super::{Page, pages, root};
use crate::chart::{chart, objects};

/// Values of the variables that the pages use.
pub const VARIABLES: [(&str, &str); 5] = [
    ("ACCOUNT", "123456789012"),
    ("AWS_REGION", "eu-west-1"),
    ("OWNER", "1a2b3c4d"),
    ("PROVIDER", "oidc.example.com/id/EXAMPLE"),
    ("REGISTRY", "registry.example.com"),
];

/// Pages with Helm commands and chart values.
const CHART_PAGES: [&str; 6] = [
    "README.md",
    "docs/clusters.md",
    "docs/network.md",
    "docs/quickstart.md",
    "docs/schedules.md",
    "examples/tenancy/README.md",
];

/// Shell lines that set the variables.
pub fn exports() -> String {
    VARIABLES.iter().map(|(name, value)| format!("export {name}={value}\n")).collect()
}

/// The words of a command after a prefix, up to a pipe or a redirection, with the values of variables.
pub fn words_after(command: &str, prefix: &str) -> Vec<String> {
    let mut rest =
        command.split_once(prefix).unwrap_or_else(|| panic!("{command} has no {prefix}")).1.to_owned();
    for (name, value) in VARIABLES {
        rest = rest.replace(&format!("${name}"), value);
    }
    let words = words(&rest).into_iter();
    words.take_while(|word| ![">", "|", "&&"].contains(&word.as_str())).collect()
}

/// The words of a command, without quotes.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![], None);
    let mut word: Option<String> = None;
    for c in command.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c.is_whitespace() => words.extend(word.take()),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The commands of a page's shell blocks. A command that continues after a backslash is one line.
pub fn shell_lines(page: &Page) -> Vec<String> {
    let blocks = page.blocks().into_iter().filter(|block| block.language == "sh");
    let text: Vec<String> = blocks.map(|block| block.text.replace("\\\n", " ")).collect();
    text.iter().flat_map(|text| text.lines()).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn every_command_of_the_operator_has_known_flags() {
    let mut count = 0;
    for page in pages() {
        for line in shell_lines(&page) {
            // `exec deployment/lambda-triggers -- lambda-triggers doctor` has the command after the last dashes.
            let command = line.rsplit(" -- ").next().unwrap();
            if !command.starts_with("lambda-triggers ") {
                continue;
            }
            let arguments = words_after(command, "lambda-triggers ");
            let all = std::iter::once("lambda-triggers".to_owned()).chain(arguments);
            let parsed = lambda_triggers::cli::command().try_get_matches_from(all);
            parsed.unwrap_or_else(|error| panic!("{}: {line}: {error}", page.path));
            count += 1;
        }
    }
    assert!(count >= 30, "the pages have only {count} commands");
}

/// The chart values of a page: its YAML blocks without a kind.
fn values(page: &Page) -> Vec<String> {
    let blocks = page.blocks().into_iter().filter(|block| block.language == "yaml" && !has_kind(&block.text));
    blocks.map(|block| block.text).collect()
}

/// Renders the chart for a namespace without the CRDs, and applies the objects as a dry run.
async fn dry_run(env: &TestEnv, place: &str, values: &str) -> Vec<Value> {
    let chart = chart();
    let arguments = [
        "template",
        "release",
        &chart,
        "--namespace",
        env.namespace(),
        "--values",
        "-",
        "--set",
        "crds.install=false",
        // Helm creates the pod of `helm test` only for a test.
        "--no-hooks",
    ];
    let yaml = env::tool("helm", &arguments, values).await.expect(place);
    let apply = ["apply", "--dry-run=server", "--validate=strict", "--filename", "-"];
    env.kubectl(&apply, &yaml).await.expect(place);
    objects(&yaml)
}

#[test]
fn the_api_server_accepts_the_chart_with_the_values_of_the_pages() {
    let pages = CHART_PAGES.map(Page::read);
    let all: Vec<(&str, String)> = pages
        .iter()
        .flat_map(|page| values(page).into_iter().map(|values| (page.path.as_str(), values)))
        .collect();
    assert!(all.len() >= 4, "{all:?}");
    env::test("docs-values", async |env| {
        for (place, values) in all {
            dry_run(&env, place, &values).await;
        }
    });
}

#[test]
fn the_token_of_the_service_account_is_where_its_variable_says() {
    let [values, ..] = <[String; 3]>::try_from(values(&Page::read("docs/clusters.md"))).unwrap();
    env::test("docs-token", async |env| {
        let rendered = dry_run(&env, "docs/clusters.md", &values).await;
        let deployment = rendered.iter().find(|object| object["kind"] == "Deployment").unwrap();
        let pod = &deployment["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let variables = container["env"].as_array().unwrap();
        let file =
            variables.iter().find(|variable| variable["name"] == "AWS_WEB_IDENTITY_TOKEN_FILE").unwrap();
        let token = &pod["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"];
        let mounted = &container["volumeMounts"][0]["mountPath"];
        let expected = format!("{}/{}", mounted.as_str().unwrap(), token["path"].as_str().unwrap());
        assert_eq!(file["value"], expected);
        assert_eq!(token["audience"], "sts.amazonaws.com");
    });
}

/// Runs the Helm commands of a page with `helm template`, and returns the rendered objects of each command.
pub async fn rendered_commands(env: &TestEnv, page: &Page) -> Vec<Vec<Value>> {
    let helm = env::tools().await.join("helm").display().to_string();
    let mut all = vec![];
    for line in shell_lines(page) {
        let Some(rest) =
            ["helm install ", "helm upgrade "].iter().find_map(|prefix| line.strip_prefix(prefix))
        else {
            continue;
        };
        let arguments = rest.strip_prefix("lambda-triggers charts/lambda-triggers ");
        let arguments = arguments.unwrap_or_else(|| panic!("{}: {line}", page.path));
        // The command is run in the root of the repository. The reader has saved the first values as a file.
        let saved = env.directory().join("values.yaml");
        std::fs::write(&saved, values(page).first().map(String::as_str).unwrap_or_default()).unwrap();
        let arguments = arguments.replace("--reuse-values", "");
        let arguments = arguments.replace(" values.yaml", &format!(" '{}'", saved.display()));
        let script = format!(
            "cd '{}'\n{}'{helm}' template lambda-triggers charts/lambda-triggers {arguments}",
            root().display(),
            exports()
        );
        all.push(objects(&env.shell(&script).await.expect(&line)));
    }
    all
}

#[test]
fn the_helm_commands_of_the_pages_render_the_chart() {
    env::test("docs-helm", async |env| {
        let mut count = 0;
        for page in CHART_PAGES.map(Page::read) {
            for rendered in rendered_commands(&env, &page).await {
                assert!(rendered.iter().any(|object| object["kind"] == "Deployment"), "{}", page.path);
                count += 1;
            }
        }
        assert!(count >= 6, "the pages have only {count} commands");
    });
}

/// The shell lines that write `trust.json`, with the end of the text.
fn trust_policies(page: &Page) -> Vec<String> {
    let blocks = page.blocks().into_iter().filter(|block| block.language == "sh");
    let written = blocks.filter_map(|block| {
        let (_, rest) = block.text.split_once("cat > trust.json <<END\n")?;
        let (text, _) = rest.split_once("\nEND\n")?;
        Some(format!("cat <<END\n{text}\nEND\n"))
    });
    written.collect()
}

#[test]
fn the_trust_policies_name_the_service_account_of_the_release() {
    env::test("docs-trust", async |env| {
        let mut count = 0;
        for page in ["docs/clusters.md", "docs/quickstart.md"].map(Page::read) {
            for policy in trust_policies(&page) {
                let text = env.shell(&format!("{}{policy}", exports())).await.expect(&policy);
                let policy: Value =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                let conditions = &policy["Statement"][0]["Condition"]["StringEquals"];
                let subject = &conditions["oidc.example.com/id/EXAMPLE:sub"];
                let is_federated = subject == "system:serviceaccount:lambda-triggers:lambda-triggers";
                let is_pod_identity = conditions["aws:RequestTag/kubernetes-namespace"] == "lambda-triggers"
                    && conditions["aws:RequestTag/kubernetes-service-account"] == "lambda-triggers";
                assert!(is_federated || is_pod_identity, "{policy}");
                count += 1;
            }
        }
        assert_eq!(count, 3);
    });
}
