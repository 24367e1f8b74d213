//! Samples of metrics by name and labels.

use std::collections::BTreeMap;

use lambda_triggers_tests::env::{Controller, TestEnv};

use crate::support::LIMIT;

/// Values by name and labels as in the text format, without the prefix `lambda_triggers_`.
pub type Samples = BTreeMap<String, f64>;

/// All samples that the operator exports now.
pub async fn samples(controller: &Controller) -> Samples {
    let (status, text) = controller.page("/metrics").await.expect("the operator serves its metrics");
    assert_eq!(status, 200, "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        let name = name.strip_prefix("lambda_triggers_").expect("a name of ours");
        (name.to_owned(), value.parse().expect("a number"))
    });
    samples.collect()
}

/// The nonzero samples of a metric, by labels.
pub fn samples_of(samples: &Samples, metric: &str) -> Samples {
    let labels = |name: &str| {
        let labels = name.strip_prefix(metric)?;
        (labels.is_empty() || labels.starts_with('{'))
            .then(|| labels.trim_matches(['{', '}']).replace('"', ""))
    };
    let kept = samples.iter().filter(|(_, value)| **value != 0.0);
    kept.filter_map(|(name, value)| Some((labels(name)?, *value))).collect()
}

/// Expected samples.
pub fn samples_from(samples: &[(&str, f64)]) -> Samples {
    samples.iter().map(|(labels, value)| ((*labels).to_owned(), *value)).collect()
}

/// Waits until the nonzero samples of a metric are exactly these.
pub async fn wait_for_samples(
    env: &TestEnv,
    controller: &Controller,
    metric: &str,
    expected: &[(&str, f64)],
) {
    let expected = samples_from(expected);
    env.until(LIMIT, &format!("{metric} to be {expected:?}"), async || {
        if controller.page("/metrics").await.is_none() {
            return Err("no answer yet".to_owned());
        }
        let found = samples_of(&samples(controller).await, metric);
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// Waits until a page has this status and this body.
pub async fn wait_for_page(env: &TestEnv, controller: &Controller, path: &str, status: u16, body: &str) {
    let expected = (status, format!("{body}\n"));
    env.until(LIMIT, &format!("{path} to be {expected:?}"), async || {
        let found = controller.page(path).await;
        if found.as_ref() == Some(&expected) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}
