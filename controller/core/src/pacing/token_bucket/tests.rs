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

/// The number of calls that can start at once.
fn burst(bucket: &mut TokenBucket, now: u64) -> usize {
    (0..1_000).take_while(|_| bucket.take(at(now)).is_ok()).count()
}

fn close(found: &[f64], expected: &[f64]) {
    let is_close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.01);
    assert!(found.len() == expected.len() && is_close, "{found:?}, not {expected:?}");
}

#[test]
fn the_start_rate_is_two_thirds_of_the_quota_and_a_burst_is_the_quota_of_a_second() {
    let mut bucket = TokenBucket::new(15.0, at(0));
    close(&[bucket.rate(at(0))], &[10.0]);
    assert_eq!(burst(&mut bucket, 0), 15);
    assert_eq!(bucket.take(at(0)), Err(at(101)));
    assert_eq!(bucket.take(at(101)), Ok(()));
    // A long pause saves up no more tokens.
    assert_eq!(burst(&mut bucket, 100_000), 15);
}

#[test]
fn after_a_cut_a_burst_is_two_seconds_of_calls() {
    let mut bucket = TokenBucket::new(24.0, at(0));
    bucket.halve_rate(at(0));
    bucket.halve_rate(at(1_000));
    // The rate is 4.4 calls per second. The refill of a second and a half is less than the capacity.
    assert_eq!(burst(&mut bucket, 2_500), 6);
    bucket.halve_rate(at(2_500));
    // The rate rises from 3 to 3.5 calls per second, and the refill of two and a half seconds is more than the capacity.
    assert_eq!(burst(&mut bucket, 5_000), 7);
}

#[test]
fn the_rate_rises_to_the_quota_while_calls_wait_and_falls_back_when_the_bucket_is_full() {
    let mut bucket = TokenBucket::new(60.0, at(0));
    assert_eq!(burst(&mut bucket, 0), 60);
    let mut rates = vec![];
    for step in 1..=4 {
        let count = calls(&mut bucket, 12 * (step - 1), 12 * step);
        rates.push(bucket.rate(at(12_000 * step)));
        assert!(count as f64 <= 12.0 * rates[rates.len() - 1], "{count}");
    }
    close(&rates, &[46.0, 52.0, 58.0, 60.0]);
    // No call waits any more. The bucket is full after a second.
    assert_eq!(bucket.take(at(48_100)), Ok(()));
    close(&[48_900, 49_200].map(|now| bucket.rate(at(now))), &[60.0, 40.0]);
}

#[test]
fn the_rate_stays_at_the_start_rate_while_no_call_waits() {
    let mut bucket = TokenBucket::new(60.0, at(0));
    for tenth in 0..600 {
        assert_eq!(bucket.take(at(tenth * 100)), Ok(()));
    }
    close(&[bucket.rate(at(60_000))], &[40.0]);
}

#[test]
fn debited_calls_delay_later_calls() {
    let mut bucket = TokenBucket::new(15.0, at(0));
    bucket.debit(20, at(0));
    assert_eq!(bucket.take(at(0)), Err(at(601)));
    assert_eq!(bucket.take(at(600)), Ok(()));
}

#[test]
fn rates_below_one_per_second_work() {
    let mut bucket = TokenBucket::new(0.15, at(0));
    assert_eq!(bucket.take(at(0)), Ok(()));
    assert_eq!(bucket.take(at(0)), Err(at(10_001)));
    assert_eq!(bucket.take(at(10_000)), Ok(()));
}

#[test]
fn the_rate_halves_once_a_second_and_recovers() {
    let mut bucket = TokenBucket::new(12.0, at(0));
    let mut rates = vec![];
    for now in [0, 500, 1_000, 2_000, 3_000, 4_000] {
        bucket.halve_rate(at(now));
        rates.push(bucket.rate(at(now)));
    }
    // Between two cuts, the rate rises by a tenth of a call per second.
    close(&rates, &[4.0, 4.05, 2.05, 1.5, 1.5, 1.5]);
    let later = [14_000, 24_000, 36_500, 600_000].map(|now| bucket.rate(at(now)));
    close(&later, &[2.5, 3.5, 4.75, 8.0]);
}

#[test]
fn halving_the_rate_drops_saved_tokens() {
    let mut bucket = TokenBucket::new(12.0, at(0));
    bucket.halve_rate(at(0));
    assert_eq!(bucket.take(at(0)), Err(at(251)));
}

#[test]
fn default_rates_are_the_quotas() {
    let rates = Rates::default();
    let of = [
        Quota::LambdaFunction,
        Quota::LambdaPolicy,
        Quota::Lambda,
        Quota::Events,
        Quota::Scheduler,
        Quota::SchedulerLists,
        Quota::S3,
    ];
    assert_eq!(of.map(|quota| rates.rate(quota)), [100.0, 15.0, 15.0, 50.0, 125.0, 5.0, 30.0]);
}

#[test]
fn quotas_of_actions() {
    let cases = [
        ("lambda:GetFunction", Some(Quota::LambdaFunction)),
        ("lambda:GetPolicy", Some(Quota::LambdaPolicy)),
        ("lambda:GetFunctionEventInvokeConfig", Some(Quota::Lambda)),
        ("lambda:AddPermission", Some(Quota::Lambda)),
        ("events:PutRule", Some(Quota::Events)),
        ("scheduler:UpdateSchedule", Some(Quota::Scheduler)),
        ("scheduler:ListSchedules", Some(Quota::SchedulerLists)),
        ("scheduler:CreateScheduleGroup", Some(Quota::SchedulerLists)),
        ("s3:ListAllMyBuckets", Some(Quota::S3)),
        ("sts:AssumeRole", None),
    ];
    for (action, expected) in cases {
        assert_eq!(Quota::from_action(action), expected, "{action}");
    }
}

/// AWS's own token bucket, with the calls of one second.
struct Aws {
    quota: f64,
    tokens: f64,
    at: u64,
}

impl Aws {
    fn throttles(&mut self, now: u64) -> bool {
        let time = (now - self.at) as f64 / 1_000.0;
        // A small tolerance for rounding errors.
        self.tokens = (self.tokens + time * self.quota).min(self.quota.max(1.0) + 0.001);
        self.at = now;
        self.tokens -= 1.0;
        self.tokens < 0.0
    }
}

proptest! {
    /// AWS throttles no call of an operator that is alone in the account, and the rate stays within its limits.
    #[test]
    fn calls_stay_below_the_quota(
        quota in 0.1..100.0f64,
        requests in prop::collection::vec((0u64..3_000, any::<bool>()), 1..400),
    ) {
        let mut bucket = TokenBucket::new(quota, at(0));
        let mut aws = Aws { quota, tokens: quota.max(1.0), at: 0 };
        let mut now = 0;
        for (pause, is_cut) in requests {
            now += pause / 20;
            if is_cut && pause % 7 == 0 {
                bucket.halve_rate(at(now));
            }
            if bucket.take(at(now)).is_ok() {
                prop_assert!(!aws.throttles(now), "throttled at {now}");
            }
            let share = bucket.rate(at(now)) / quota;
            prop_assert!((MIN_RATE - 0.001..=1.001).contains(&share), "{share} of the quota at {now}");
        }
    }

    /// A call that waits for the given time gets a token.
    #[test]
    fn the_wait_is_long_enough(quota in 0.1..100.0f64, calls in 0u32..500, cuts in 0u64..5) {
        let mut bucket = TokenBucket::new(quota, at(0));
        for cut in 0..cuts {
            bucket.halve_rate(at(cut * 1_000));
        }
        let now = at(cuts * 1_000);
        bucket.debit(calls, now);
        if let Err(wait) = bucket.take(now) {
            prop_assert_eq!(bucket.take(now + wait), Ok(()));
        }
    }
}
