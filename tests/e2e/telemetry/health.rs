//! The health endpoints of the kubelet's probes.

use std::net::TcpListener;

use lambda_triggers_tests::aws_proxy::{Fault, FaultKind};
use lambda_triggers_tests::env;

use super::view::{samples, samples_of, wait_for_page, wait_for_samples};
use crate::objects::{NO_RESYNC, OWNER};
use crate::support::LIMIT;

#[test]
fn an_operator_is_ready_after_one_answer_of_aws() {
    env::test("ready", async |env| {
        let silent = Fault::on("GetCallerIdentity", FaultKind::LostAnswer).times(usize::MAX);
        env.aws_proxy().inject(env.account(), silent);
        let mut controller = env.controller(&NO_RESYNC);
        let missing = "not ready: AWS has not answered any call yet; see the log for the cause";
        wait_for_page(&env, &controller, "/readyz", 503, missing).await;
        wait_for_page(&env, &controller, "/healthz", 200, "ok").await;
        env.aws_proxy().clear_faults(env.account());
        wait_for_page(&env, &controller, "/readyz", 200, "ok").await;
        let calls = env.aws_proxy().calls(env.account());
        for _ in 0..3 {
            wait_for_page(&env, &controller, "/readyz", 200, "ok").await;
        }
        assert_eq!(env.aws_proxy().calls(env.account()), calls);
        assert_eq!(controller.page("/other").await.unwrap().0, 404);
        controller.stop().await;
        assert_eq!(controller.page("/healthz").await, None);
    });
}

#[test]
fn a_standby_is_ready_and_is_not_the_leader() {
    env::test("standby", async |env| {
        let mut first = env.controller(&NO_RESYNC);
        wait_for_samples(&env, &first, "leader", &[("", 1.0)]).await;
        wait_for_page(&env, &first, "/readyz", 200, "ok").await;
        let second = env.controller(&NO_RESYNC);
        wait_for_page(&env, &second, "/readyz", 200, "ok").await;
        wait_for_page(&env, &second, "/healthz", 200, "ok").await;
        let found = samples(&second).await;
        assert_eq!(found.get("leader"), Some(&0.0));
        assert_eq!(samples_of(&found, "aws_calls_total"), [].into(), "a standby leaves AWS alone");
        first.stop().await;
        wait_for_samples(&env, &second, "leader", &[("", 1.0)]).await;
        wait_for_page(&env, &second, "/readyz", 200, "ok").await;
    });
}

/// An IPv6 cluster connects only by IPv6, and an IPv4 cluster only by IPv4.
#[test]
fn the_server_listens_on_ipv4_and_ipv6() {
    env::test("families", async |env| {
        let controller = env.controller(&["--owner-id", OWNER, "--http-address", "[::]:0"]);
        wait_for_page(&env, &controller, "/healthz", 200, "ok").await;
        let address = controller.http_address().unwrap();
        let (_, port) = address.rsplit_once(':').unwrap();
        let port: u16 = port.parse().unwrap();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        // A machine may have no IPv6.
        if TcpListener::bind("[::1]:0").is_ok() {
            std::net::TcpStream::connect(("::1", port)).unwrap();
        }
    });
}

#[test]
fn a_port_in_use_is_reported_with_its_flag() {
    env::test("port", async |env| {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let mut controller = env.controller(&["--http-address", &address]);
        let status = env.until(LIMIT, "the operator to end", async || controller.ended()).await;
        assert_eq!(status.code(), Some(1));
        let expected = format!(
            "lambda-triggers: cannot listen on {address}: give a free address of this machine as --http-address, such \
             as [::]:8081: Address already in use (os error 98)"
        );
        env.until(LIMIT, "the error message", async || {
            let log = controller.log();
            if log.lines().any(|line| line == expected) { Ok(()) } else { Err(log) }
        })
        .await;
    });
}
