//! A driver that dies at any write of a whole release: another run, here or on another machine, brings the release to
//! the end that it has when nothing goes wrong.
//!
//! `OAR_CRASH=SCENARIO/NUMBER/MOMENT/NEXT` repeats one of them, and the beginning of such a name several;
//! `OAR_EVERY=N` plays every N-th only.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use oar::core::config::env::Env;
use oar::sim::scenario::ReleasePlan;

use super::end::End;
use super::side_by_side::{runtime, side_by_side};
use crate::rehearsal::TestWorld;
use crate::rehearsal::machines::{Machine, Moment, Point, points};
use crate::rehearsals::faults::happened_twice;

/// The worlds in which a driver dies.
const SCENARIOS: [&str; 9] = [
    "smooth",
    "new-files",
    "portal-never-opens",
    "stage-pipeline-fails-twice",
    "push-fails-twice",
    "images-unhealthy",
    "two-drivers",
    "slack-down",
    "no-permission-404",
];

/// How often somebody begins again after a drive that ended with a wait or an outage.
const MOST_DRIVES: u32 = 24;

/// Who goes on after a driver died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The same machine, at once.
    Same,
    /// Another machine, at once.
    Other,
    /// Another machine, after the lease of the dead one.
    OtherLater,
}

const NEXTS: [Next; 3] = [Next::Same, Next::Other, Next::OtherLater];

/// Few images and a week less to wait, otherwise as in real life.
fn small(plan: &mut ReleasePlan) {
    (plan.sizes.images, plan.sizes.components) = (40, 6);
    plan.start += SignedDuration::from_hours(4 * 24);
}

pub(super) async fn founded(scenario: &str) -> TestWorld {
    TestWorld::founded(scenario, small).await.without_programs()
}

/// Drives until the release is done or a person is needed; what the last drive reported.
pub(super) async fn driven(world: &TestWorld, machine: &Machine<'_>) -> String {
    let mut reported = String::new();
    for _ in 0..MOST_DRIVES {
        reported = machine.oar("drive --watch").await;
        let code = reported.rsplit_once("exit ").map_or("", |(_, code)| code);
        if !["3", "6", "7", "8"].contains(&code) {
            break;
        }
        world.time_passes("30m");
    }
    reported
}

/// A release nobody disturbs.
struct Calm {
    end: End,
    /// What its world has it do again, such as a push that failed.
    twice: Vec<String>,
    /// Where its driver can die.
    points: Vec<Point>,
}

async fn calm(scenario: &str) -> Calm {
    let world = founded(scenario).await;
    let machine = world.machine("one");
    let reported = machine.oar("drive --watch").await;
    let points = few_of_a_kind(points(&machine.sent()));
    let reported = if reported.ends_with("exit 0") { reported } else { driven(&world, &machine).await };
    drop(machine);
    Calm { end: End::of(&world, &reported), twice: happened_twice(&world), points }
}

/// The points of the first two and of the last of several equal writes: what is done at each look is done alike.
fn few_of_a_kind(points: Vec<Point>) -> Vec<Point> {
    let mut numbers = BTreeMap::<(String, Moment), Vec<usize>>::new();
    for point in &points {
        numbers.entry((point.write.clone(), point.moment)).or_default().push(point.number);
    }
    let is_kept = |point: &Point| {
        let equal = &numbers[&(point.write.clone(), point.moment)];
        equal.iter().take(2).chain(equal.last()).any(|number| *number == point.number)
    };
    points.into_iter().filter(is_kept).collect()
}

/// The release whose driver dies at the point, and whose next one perhaps dies again: what is wrong with it afterwards.
async fn crashed(scenario: &str, point: &Point, next: Next, again: Option<&Again>, calm: &Calm) -> Vec<String> {
    let world = founded(scenario).await;
    let (one, other, third) = (world.machine("one"), world.machine("other"), world.machine("third"));
    if let Some(reported) = one.oar_killed(point, "drive --watch").await {
        return vec![format!("the point was never reached: {reported}")];
    }
    if next == Next::OtherLater {
        world.time_passes("3h");
    }
    let second = if next == Next::Same { &one } else { &other };
    let mut outage_is_over = next == Next::OtherLater;
    let reported = match again {
        // A second driver that ends before that point ends in peace.
        Some(again) if second.oar_killed(&again.point, "drive --watch").await.is_none() => {
            if again.next == Next::OtherLater {
                world.time_passes("3h");
                outage_is_over = true;
            }
            driven(&world, if again.next == Next::Same { second } else { &third }).await
        }
        Some(_) | None => driven(&world, second).await,
    };
    drop((one, other, third));
    let twice = happened_twice(&world).into_iter().filter(|what| !calm.twice.contains(what));
    let mut wrong: Vec<String> = twice.map(|what| format!("twice: {what}")).collect();
    let mut differs = End::of(&world, &reported).differs_from(&calm.end);
    // Of an outage that was over before anybody went on nothing is said.
    let over = |what: &String| what.starts_with("0 instead of 1 times message: ") && what.contains(" cannot run: ");
    differs.retain(|what| !outage_is_over || !over(what));
    if !differs.is_empty() {
        wrong.extend(differs);
        wrong.push(reported);
    }
    world.finish();
    wrong
}

/// A second death: at that of the writes of the driver that went on, and who goes on then.
struct Again {
    point: Point,
    next: Next,
}

/// One way of dying in one world.
struct Case<'c> {
    scenario: &'c str,
    point: &'c Point,
    next: Next,
    calm: &'c Calm,
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{}/{}/{:?}/{:?}", self.scenario, self.point.number, self.point.moment, self.next)
    }
}

/// Plays every `each`-th way of dying in these worlds on all processors; none may leave a trace.
fn all_end_calmly(scenarios: &[&str], each: usize) {
    let env = Env::from_process();
    let only = env.get("OAR_CRASH").unwrap_or_default();
    let each = env.get("OAR_EVERY").map_or(each, |text| text.parse().expect("a number"));
    let wanted = scenarios.iter().filter(|scenario| only.is_empty() || only.starts_with(**scenario));
    let calm: BTreeMap<&str, Calm> = wanted.map(|scenario| (*scenario, runtime().block_on(calm(scenario)))).collect();
    let cases = calm.iter().flat_map(|(scenario, calm)| {
        calm.points.iter().flat_map(move |point| NEXTS.map(|next| Case { scenario, point, next, calm }))
    });
    let cases: Vec<Case<'_>> = cases.filter(|case| case.name().starts_with(only)).step_by(each).collect();
    eprintln!("{} ways of dying in {} worlds", cases.len(), calm.len());
    let play = async |case: &Case<'_>| {
        let found = crashed(case.scenario, case.point, case.next, None, case.calm).await;
        let named =
            |found: &[String]| format!("OAR_CRASH={} ({})\n  {}", case.name(), case.point.write, found.join("\n  "));
        (!found.is_empty()).then(|| named(&found))
    };
    let wrong = side_by_side(&cases, &play);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Two deaths in one release, `count` pairs by chance.
fn pairs_end_calmly(count: u64) {
    let only = Env::from_process().get("OAR_CASE").map(|text| text.parse::<u64>().expect("a number"));
    let calm = SCENARIOS.map(|scenario| (scenario, runtime().block_on(calm(scenario))));
    let seeds: Vec<u64> = (0..count).filter(|seed| only.is_none_or(|only| only == *seed)).collect();
    let play = async |seed: &u64| {
        let mut dice = fastrand::Rng::with_seed(*seed);
        let (scenario, calm) = dice.choice(&calm).expect("there are worlds");
        let point = dice.choice(&calm.points).expect("there are points");
        let next = dice.choice(NEXTS).expect("there are three");
        let moments = [Moment::BeforeSending, Moment::Unanswered, Moment::Unrecorded];
        let moment = dice.choice(moments).expect("there are three");
        let second = Point { write: "any".to_owned(), moment, number: dice.usize(1..40) };
        let again = Again { point: second, next: dice.choice(NEXTS).expect("there are three") };
        let found = crashed(scenario, point, next, Some(&again), calm).await;
        let named = || format!("OAR_CASE={seed} {scenario} {point:?} {next:?}, {:?} {:?}", again.point, again.next);
        (!found.is_empty()).then(|| format!("{}\n  {}", named(), found.join("\n  ")))
    };
    let wrong = side_by_side(&seeds, &play);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), seeds.len(), wrong.join("\n"));
}

#[test]
fn a_driver_that_dies_at_some_writes_of_a_release_leaves_no_trace() {
    all_end_calmly(&["smooth"], 67);
}

mod long {
    #[test]
    fn a_driver_that_dies_at_any_write_of_a_release_leaves_no_trace() {
        super::all_end_calmly(&super::SCENARIOS, 1);
    }

    #[test]
    fn two_drivers_that_die_one_after_the_other_leave_no_trace() {
        super::pairs_end_calmly(400);
    }
}
