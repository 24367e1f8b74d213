//! The owner id that a cluster gives to an operator without `--owner-id`.

use std::collections::BTreeSet;

use crate::ownership::OwnerId;

/// Checks the owner id of a cluster against the owner ids that the status of its resources records. `flag` is the command's
/// flag for the namespace that identifies an operator of only some namespaces, if the command has one.
///
/// # Errors
///
/// The resources record only other owner ids. Their operator has a flag that the caller does not give.
pub fn check_owner_id(
    of_cluster: &OwnerId,
    recorded: &BTreeSet<OwnerId>,
    flag: Option<&str>,
) -> Result<(), String> {
    if recorded.is_empty() || recorded.contains(of_cluster) {
        return Ok(());
    }
    let ids: Vec<String> = recorded.iter().map(ToString::to_string).collect();
    let give = match ids.as_slice() {
        [one] => format!("give --owner-id {one}"),
        _ => "give one of these as --owner-id".into(),
    };
    let scope = flag.map(|flag| format!(". If the operator watches only some namespaces, give {flag}"));
    Err(format!(
        "the owner id of the cluster is {of_cluster}, but the AWS resources in the status of its resources have the \
         owner id {}: {give}{}",
        ids.join(" or "),
        scope.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_owner_ids_without_that_of_the_cluster_are_an_error() {
        let id = |text: &str| OwnerId::parse(text).unwrap();
        let check = |recorded: &[&str]| {
            let recorded = recorded.iter().map(|text| id(text)).collect();
            check_owner_id(&id("0784810d"), &recorded, Some("--operator-namespace"))
        };
        let error = |which: &str, give: &str| {
            Err(format!(
                "the owner id of the cluster is 0784810d, but the AWS resources in the status of its resources have \
                 the owner id {which}: {give}. If the operator watches only some namespaces, give --operator-namespace"
            ))
        };
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["0784810d", "1a2b3c4d"]), Ok(()));
        assert_eq!(check(&["1a2b3c4d"]), error("1a2b3c4d", "give --owner-id 1a2b3c4d"));
        let both = error("1a2b3c4d or 2b3c4d5e", "give one of these as --owner-id");
        assert_eq!(check(&["2b3c4d5e", "1a2b3c4d"]), both);
        let without_flag = check_owner_id(&id("0784810d"), &[id("1a2b3c4d")].into(), None);
        assert!(without_flag.is_err_and(|why| why.ends_with("give --owner-id 1a2b3c4d")));
    }
}
