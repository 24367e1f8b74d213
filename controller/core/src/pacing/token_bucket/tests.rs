use proptest::prelude::*;

use super::*;

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The number of calls between two seconds if each call starts as early as possible.
fn calls(bucket: &mut TokenBucket, from: u64, to: u64) -> usize {
    let mut now = at(from * 1000);
    let mut count = 0;
    while now < at(to * 1000) {
        match bucket.take(now) {
            Ok(()) => count += 1,
            Err(wait) => now += wait,
        }
    }
    count
}

#[test]
fn a_burst_is_one_second_of_calls() {
    let mut bucket = TokenBucket::new(10.0, at(0));
    let at_once = (0..100).take_while(|_| bucket.take(at(0)).is_ok()).count();
    assert_eq!(at_once, 10);
    assert_eq!(bucket.take(at(0)), Err(at(101)));
    assert_eq!(bucket.take(at(99)), Err(at(2)));
    assert_eq!(bucket.take(at(100)), Ok(()));
    // A long pause saves up no more tokens.
    let at_once = (0..100).take_while(|_| bucket.take(at(100_000)).is_ok()).count();
    assert_eq!(at_once, 10);
    assert!((99..=101).contains(&calls(&mut bucket, 100, 110)));
}

#[test]
fn debited_calls_delay_later_calls() {
    let mut bucket = TokenBucket::new(10.0, at(0));
    bucket.debit(15, at(0));
    assert_eq!(bucket.take(at(0)), Err(at(601)));
    assert_eq!(bucket.take(at(600)), Ok(()));
}

#[test]
fn rates_below_one_per_second_work() {
    let mut bucket = TokenBucket::new(0.1, at(0));
    assert_eq!(bucket.take(at(0)), Ok(()));
    assert_eq!(bucket.take(at(0)), Err(at(10_001)));
    assert_eq!(bucket.take(at(10_000)), Ok(()));
}

#[test]
fn the_rate_halves_once_a_second_and_recovers() {
    let mut bucket = TokenBucket::new(8.0, at(0));
    let mut rates = vec![];
    for now in [0, 500, 1_000, 2_000, 3_000, 4_000, 5_000] {
        bucket.halve_rate(at(now));
        rates.push(bucket.rate(at(now)));
    }
    // Between two cuts, the rate recovers by about an eighth of a call per second.
    let expected = [4.0, 4.067, 2.067, 1.1, 1.0, 1.0, 1.0];
    for (rate, expected) in rates.iter().zip(expected) {
        assert!((rate - expected).abs() < 0.01, "{rates:?}");
    }
    let later: Vec<f64> = [20_000, 35_000, 65_000, 600_000].map(|now| bucket.rate(at(now))).into();
    assert_eq!(later, [3.0, 5.0, 8.0, 8.0]);
}

#[test]
fn halving_the_rate_drops_saved_tokens() {
    let mut bucket = TokenBucket::new(8.0, at(0));
    bucket.halve_rate(at(0));
    assert_eq!(bucket.take(at(0)), Err(at(251)));
}

#[test]
fn default_rates_are_half_of_the_quotas() {
    let rates = Rates::default();
    let of = [Quota::LambdaFunction, Quota::LambdaPolicy, Quota::Lambda, Quota::Events, Quota::S3];
    assert_eq!(of.map(|quota| rates.rate(quota)), [50.0, 7.5, 7.5, 25.0, 20.0]);
}

#[test]
fn quotas_of_actions() {
    let cases = [
        ("lambda:GetFunction", Some(Quota::LambdaFunction)),
        ("lambda:GetPolicy", Some(Quota::LambdaPolicy)),
        ("lambda:GetFunctionEventInvokeConfig", Some(Quota::Lambda)),
        ("lambda:AddPermission", Some(Quota::Lambda)),
        ("events:PutRule", Some(Quota::Events)),
        ("s3:ListAllMyBuckets", Some(Quota::S3)),
        ("sts:AssumeRole", None),
    ];
    for (action, expected) in cases {
        assert_eq!(Quota::from_action(action), expected, "{action}");
    }
}

proptest! {
    /// In no second do more calls start than twice the rate, which is the AWS quota.
    #[test]
    fn no_second_has_more_than_twice_the_rate(
        rate in 1.0..100.0f64,
        requests in prop::collection::vec((0u64..3_000, any::<bool>()), 1..400),
    ) {
        let mut bucket = TokenBucket::new(rate, at(0));
        let (mut now, mut started) = (0, vec![]);
        for (pause, is_cut) in requests {
            now += pause / 20;
            if is_cut && pause % 7 == 0 {
                bucket.halve_rate(at(now));
            }
            if bucket.take(at(now)).is_ok() {
                started.push(now);
            }
        }
        for first in &started {
            let count = started.iter().filter(|time| (*first..first + 1_000).contains(*time)).count();
            prop_assert!(count as f64 <= 2.0 * rate, "{count} at {first}: {started:?}");
        }
    }
}
