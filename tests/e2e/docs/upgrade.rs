//! `docs/upgrade.md`: its commands, and that an upgrade which changes nothing writes nothing to AWS.

use lambda_triggers_tests::world;

use super::{Page, root};
use crate::objects::RESTING;
use crate::support::{AwsView, LIMIT, both_in_place};

#[test]
fn an_upgrade_that_changes_nothing_writes_nothing_to_aws() {
    world::test_on_own_cluster("upgrade", async |w| {
        let mut controller = w.controller(&RESTING);
        both_in_place(&w).await;

        let [definitions, ready] =
            Page::read("docs/upgrade.md").commands("Definitions first, then the operator");
        controller.stop().await;
        let told = w.shell(&format!("cd '{}'\n{definitions}", root().display())).await.expect(&definitions);
        assert_eq!(told.matches("condition met").count(), 2, "{told}");
        w.front().clear_calls(w.account());
        controller.start();
        let looked = |calls: &[lambda_triggers_tests::front::Call]| {
            ["ListTargetsByRule", "GetBucketNotificationConfiguration"]
                .iter()
                .all(|read| calls.iter().any(|call| call.operation == *read))
        };
        let waited = w.front().wait_for_calls(w.account(), LIMIT, looked).await;
        waited.unwrap_or_else(|calls| panic!("it has not looked at both: {calls:?}"));
        w.shell(&ready).await.expect(&ready);
        controller.stop().await;
        assert_eq!(w.aws_writes(), vec![]);
    });
}
