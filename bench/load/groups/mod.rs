//! Groups under load: thousands of members that join, beat and commit, each on a connection of its
//! own, and how long a rebalance and a join storm take. What every member is assigned is held
//! against what the leader of its generation gave out.

mod crowd;
mod member;
mod plan;
mod report;
pub(crate) mod smoke;

pub(crate) use plan::Plan;
pub(crate) use report::Report;

use crate::client::Client;
use crate::client::LoadError;
use crate::process::Usage;
use crowd::Crowd;
use std::time::Duration;

/// The topic that members commit offsets of.
const TOPIC: &str = "load-groups";
/// Members of a rebalance beat this often, as they learn of it from an answer to a heartbeat.
const REBALANCE_BEAT: Duration = Duration::from_millis(50);

/// Does what the plan says.
pub(crate) fn run(plan: &Plan) -> Result<Report, LoadError> {
    let mut client = Client::connect(&plan.bootstrap)?;
    client.create_topic(TOPIC, 1, &[])?;
    client.topic(TOPIC)?;
    let run = crate::run::run_number();
    let mut report = Report::new(plan);
    {
        let mut crowd = Crowd::new(&client.versions)?;
        for group in 0..plan.groups {
            let name = format!("beat-{run:x}-{group}");
            let coordinator = client.coordinator(&name)?;
            crowd.add_group(&name, &coordinator, plan.members)?;
        }
        report.joined = crowd.join_all()?;
        let before = Usage::now(plan.pid);
        report.beats = crowd.beat(plan.heartbeat(), plan.measured())?;
        report.beat_usage = Usage::now(plan.pid).since(&before);
        let before = Usage::now(plan.pid);
        report.commits = crowd.commit(TOPIC, plan.measured())?;
        report.commit_usage = Usage::now(plan.pid).since(&before);
        report.faults += crowd.faults();
    }
    report.rebalances = rebalances(plan, &mut client, run, &mut report.faults)?;
    report.storm = storm(plan, &mut client, run, &mut report.faults)?;
    Ok(report)
}

/// A group of many to which one member comes after the other: how long until all of a generation
/// know what is theirs.
fn rebalances(
    plan: &Plan,
    client: &mut Client,
    run: u64,
    faults: &mut u64,
) -> Result<Vec<Duration>, LoadError> {
    let name = format!("rebalance-{run:x}");
    let coordinator = client.coordinator(&name)?;
    let mut crowd = Crowd::new(&client.versions)?;
    crowd.add_group(&name, &coordinator, plan.crowd)?;
    crowd.join_all()?;
    let mut took = Vec::new();
    for _ in 0..plan.rebalances {
        crowd.add_member(0, &coordinator)?;
        took.push(crowd.settle(REBALANCE_BEAT)?);
    }
    *faults += crowd.faults();
    Ok(took)
}

/// All members of one group at once.
fn storm(
    plan: &Plan,
    client: &mut Client,
    run: u64,
    faults: &mut u64,
) -> Result<Duration, LoadError> {
    let name = format!("storm-{run:x}");
    let coordinator = client.coordinator(&name)?;
    let mut crowd = Crowd::new(&client.versions)?;
    crowd.add_group(&name, &coordinator, plan.storm)?;
    let took = crowd.join_all()?;
    *faults += crowd.faults();
    Ok(took)
}
