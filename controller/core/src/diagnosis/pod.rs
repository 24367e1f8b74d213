//! A pod of the operator: its readiness, its restarts and its version.

use k8s_openapi::api::core::v1::{ContainerStatus, PodStatus};
use kube::core::Object;
use serde::Deserialize;

use super::Check;

/// A pod with the images of its containers. The code that reads a complete spec would take 300 kB of the program.
pub type Pod = Object<PodImages, PodStatus>;

/// The images in the spec of a pod.
#[derive(Clone, Debug, Deserialize)]
pub struct PodImages {
    containers: Vec<ContainerImage>,
}

/// The image of a container.
#[derive(Clone, Debug, Deserialize)]
struct ContainerImage {
    name: String,
    image: Option<String>,
}

/// The name of the operator's container in the chart.
const CONTAINER: &str = "lambda-triggers";

/// The checks of a pod of the operator. `version` is the version of this program.
pub fn check_pod(pod: &Pod, version: &str) -> Vec<Check> {
    let name = format!("pod {}", pod.metadata.name.as_deref().unwrap_or_default());
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let statuses: Vec<&ContainerStatus> = statuses.collect();
    let restarts: i32 = statuses.iter().map(|status| status.restart_count).sum();
    let has_started = !statuses.is_empty() && statuses.iter().all(|status| status.ready);
    let restarted = format!("restarts: {restarts}{}", last_end(&statuses));
    let ready = match has_started {
        true => Check::ok(&name, format!("is ready; {restarted}")),
        false => Check::failed(
            &name,
            format!(
                "is not ready{}; {restarted}; find the cause in the log of the pod, or with kubectl describe pod",
                waiting(pod, &statuses)
            ),
        ),
    };
    [ready].into_iter().chain(check_image(&name, pod, version)).collect()
}

/// The reason why a container waits, or the phase of the pod.
fn waiting(pod: &Pod, statuses: &[&ContainerStatus]) -> String {
    let mut waiting =
        statuses.iter().filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let phase = || pod.status.as_ref()?.phase.clone().filter(|phase| phase != "Running");
    waiting.next_back().or_else(phase).map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// The reason of the last end of a container.
fn last_end(statuses: &[&ContainerStatus]) -> String {
    let mut ended = statuses.iter().filter_map(|status| status.last_state.as_ref()?.terminated.as_ref());
    let words = ended.next_back().map(|end| {
        let reason = end.reason.as_deref().unwrap_or("unknown reason");
        format!(", the last one after {reason} with exit code {}", end.exit_code)
    });
    words.unwrap_or_default()
}

/// Compares the version in the image's tag with this program; `None` for a tag that is no version.
fn check_image(name: &str, pod: &Pod, version: &str) -> Option<Check> {
    let containers = &pod.spec.containers;
    let named = containers.iter().find(|container| container.name == CONTAINER);
    let image = named.or_else(|| containers.first())?.image.as_deref()?;
    let found = version_of(image)?;
    let name = format!("version of {name}");
    Some(match found == version {
        true => Check::ok(name, format!("{found}, as this program")),
        false => Check::failed(
            name,
            format!(
                "{found}, but this program is {version}: use lambda-triggers {found}, or upgrade the operator to {version}"
            ),
        ),
    })
}

/// The version in the tag of an image, such as `0.2.0` of `ghcr.io/lambda-triggers/lambda-triggers:v0.2.0`.
fn version_of(image: &str) -> Option<&str> {
    let image = image.split('@').next()?;
    let (_, tag) = image.rsplit('/').next()?.split_once(':')?;
    let version = tag.strip_prefix('v').unwrap_or(tag);
    let numbers = version.split(['-', '+']).next()?.split('.');
    let is_version =
        numbers.clone().count() == 3 && numbers.clone().all(|number| number.parse::<u32>().is_ok());
    is_version.then_some(version)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(image: &str, status: serde_json::Value) -> Pod {
        let containers =
            json!([{"name": "sidecar", "image": "proxy:v9.9.9"}, {"name": CONTAINER, "image": image}]);
        let pod = json!({"metadata": {"name": "lt-1"}, "spec": {"containers": containers}, "status": status});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn a_pod_is_ready_if_all_containers_are() {
        let of = |ready: bool, state: serde_json::Value, last: serde_json::Value| {
            let own = json!({"name": CONTAINER, "ready": ready, "restartCount": 3, "image": "", "imageID": "",
                "state": state, "lastState": last});
            let other =
                json!({"name": "sidecar", "ready": true, "restartCount": 0, "image": "", "imageID": ""});
            let status = json!({"phase": "Running", "containerStatuses": [own, other]});
            check_pod(&pod("lambda-triggers@sha256:0", status), "0.2.0")
        };
        let killed = json!({"terminated": {"reason": "OOMKilled", "exitCode": 137}});
        let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        assert_eq!(
            [of(true, json!({}), json!({})), of(false, waiting, killed)].concat(),
            [
                Check::ok("pod lt-1", "is ready; restarts: 3"),
                Check::failed(
                    "pod lt-1",
                    "is not ready (CrashLoopBackOff); restarts: 3, the last one after OOMKilled with exit code 137; find \
                     the cause in the log of the pod, or with kubectl describe pod"
                ),
            ]
        );
        let pending = check_pod(&pod("lambda-triggers:latest", json!({"phase": "Pending"})), "0.2.0");
        let message = "is not ready (Pending); restarts: 0; find the cause in the log of the pod, or with kubectl \
                       describe pod";
        assert_eq!(pending, [Check::failed("pod lt-1", message)]);
    }

    #[test]
    fn the_tag_of_the_image_is_compared_with_the_version() {
        let version = |image: &str| check_pod(&pod(image, json!({})), "0.2.0").into_iter().nth(1);
        let name = "version of pod lt-1";
        let same = Some(Check::ok(name, "0.2.0, as this program"));
        assert_eq!(version("ghcr.io/lambda-triggers/lambda-triggers:v0.2.0"), same);
        assert_eq!(version("registry:5000/lambda-triggers:0.2.0@sha256:0"), same);
        let message = "0.1.0-rc.1, but this program is 0.2.0: use lambda-triggers 0.1.0-rc.1, or upgrade the operator to \
                       0.2.0";
        assert_eq!(version("lambda-triggers:v0.1.0-rc.1"), Some(Check::failed(name, message)));
        for image in ["registry:5000/lambda-triggers", "lambda-triggers@sha256:0", "lt:latest", "lt:v2"] {
            assert_eq!(version(image), None, "{image}");
        }
    }
}
