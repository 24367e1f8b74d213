//! `make bench`: prints the calls, the memory and the times of the operator beside the goals. A missed goal does not
//! fail the benchmark.

mod calls;
mod many;
mod operator;

use lambda_triggers_tests::env;

/// The number of objects by default.
const OBJECTS: usize = 10_000;

fn print(what: &str, found: impl std::fmt::Display, goal: &str) {
    println!("{what:<52} {found:>12}   {goal}");
}

/// The machine of the figures.
fn print_machine() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, load before the start: {}", load.trim());
}

#[test]
#[ignore = "make bench: minutes"]
fn calls_of_sixty_objects() {
    print_machine();
    env::run("bench-own", async |env| calls::on_own_functions(&env).await);
    env::run("bench-one", async |env| calls::on_one_function(&env).await);
    env::run("bench-definitions", async |env| calls::with_definitions(&env).await);
}

#[test]
#[ignore = "make bench: minutes"]
fn many_objects() {
    print_machine();
    let objects = std::env::var("OBJECTS").ok().and_then(|text| text.parse().ok()).unwrap_or(OBJECTS);
    env::run("bench-many", async |env| many::figures(&env, objects).await);
}
