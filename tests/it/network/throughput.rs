//! How fast the inner network is. The figure is printed, not judged: a test machine may be busy.

use std::sync::Arc;

use agentphone::carriers::{Inbound, Outcome, Target};
use agentphone::channel::Channel;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::world::{SMS_LINE, Transport, World, accepted, text};

const COUNT: usize = 20_000;
const CLIENTS: usize = 64;

async fn measure(transport: Transport) {
    let world = World::new(transport).await;
    let mut server = world.server().await;
    let carrier = Arc::clone(&server.connection.carrier);
    let tasks = TaskTracker::new();
    let start = Instant::now();
    for client in 0..CLIENTS {
        let carrier = Arc::clone(&carrier);
        tasks.spawn(async move {
            for n in (client..COUNT).step_by(CLIENTS) {
                let to = Target::Person(format!("+1415555{:04}", n % 5_000));
                let outbound =
                    text(&format!("msg_{n:026}"), SMS_LINE, to, Channel::Sms, "Your bike is ready");
                let outcome: Outcome = carrier.submit(outbound).await;
                assert_eq!(outcome, accepted());
            }
        });
    }
    let mut receipts = 0;
    while receipts < COUNT {
        let arrival = server.arrival().await;
        assert!(matches!(arrival.inbound, Inbound::Receipt(_)));
        arrival.stored.send(None).unwrap();
        receipts += 1;
    }
    tasks.close();
    tasks.wait().await;
    let took = start.elapsed();
    println!("{COUNT} submits with receipts, {transport:?}, {CLIENTS} clients: {took:?}");
    assert_eq!(world.get(&format!("/sim/ledger?after={}", COUNT - 1)).await["next"], COUNT);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_submits_over_the_inner_link() {
    measure(Transport::Inner).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_submits_over_the_socket() {
    measure(Transport::Remote).await;
}
