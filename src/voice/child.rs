//! The child process that runs the built-in engines, from its parent's side: started if models need it, told what to
//! serve, watched, started again when it ends. Its requests go over its socket like those to any upstream; nothing else
//! in this process waits for it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child as Process, ChildStdin, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::engines::{Health, Orders};
use crate::clock::{Clock, Time};

mod health;
mod orders;
mod place;
mod relay;

/// Pauses before it is started again, one after the other; the last one repeats.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];
/// Who lived so long is started again without a long pause.
const SETTLED: Duration = Duration::from_mins(1);
/// How long it may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(2);
/// For glibc, by which the C++ engines allocate: one arena for all threads, and large blocks go back when they are freed. With
/// three models the process is so some 30 MB smaller. And threads that wait for each other sleep instead of spinning: others
/// need the processor as well.
const THRIFT: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "1048576"), ("OMP_WAIT_POLICY", "PASSIVE")];

pub use orders::orders;
pub use place::Place;

/// The child, or its next incarnation. Cheap to clone.
#[derive(Clone)]
pub struct Child(Arc<Parts>);

struct Parts {
    program: PathBuf,
    place: Place,
    orders: Orders,
    clock: Clock,
    state: Mutex<State>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// How the child is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    pub life: Life,
    /// How often it was started again.
    pub restarts: u32,
    /// How it ended the last time, in the system's words.
    pub last_exit: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// Started, but not serving yet.
    Starting,
    Up {
        pid: u32,
        since: Time,
    },
    /// Ended; it is started again at this time.
    Down {
        again: Time,
    },
}

impl Child {
    /// Starts `program`, which is this one or another build of it, and keeps it running until [`Child::stop`].
    pub fn start(program: PathBuf, place: Place, orders: Orders, clock: Clock) -> Self {
        let state = State { life: Life::Starting, restarts: 0, last_exit: None };
        let child = Self(Arc::new(Parts {
            program,
            place,
            orders,
            clock,
            state: Mutex::new(state),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }));
        child.0.tasks.spawn(child.clone().watch());
        child
    }

    /// Where it serves the protocol, under `/v1`.
    pub fn socket(&self) -> &Path {
        self.0.place.socket()
    }

    pub fn state(&self) -> State {
        self.0.state.lock().expect("telling how it is does not panic").clone()
    }

    /// What it says of itself; `None` while it is not up.
    pub async fn health(&self) -> Option<Health> {
        health::ask(self.socket()).await
    }

    /// Lets it end, and returns when it has.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn watch(self) {
        let Parts { clock, stop, .. } = &*self.0;
        let mut failures = 0;
        loop {
            let begun = clock.now();
            let exit = match self.live().await {
                Ok(exit) => exit.to_string(),
                Err(error) => format!("it could not be started: {error:#}"),
            };
            if stop.is_cancelled() {
                return;
            }
            if clock.now() >= begun + SETTLED {
                failures = 0;
            }
            let again = clock.now() + PAUSES[PAUSES.len().min(failures + 1) - 1];
            failures += 1;
            tracing::error!(%exit, "the engines ended; they are started again");
            self.change(|state| {
                state.life = Life::Down { again };
                state.restarts += 1;
                state.last_exit = Some(exit);
            });
            tokio::select! {
                () = clock.sleep_until(again) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One life: from the start to the end, which is an error where it never began.
    async fn live(&self) -> anyhow::Result<ExitStatus> {
        let Parts { place, orders, clock, stop, .. } = &*self.0;
        self.change(|state| state.life = Life::Starting);
        place.clear();
        let mut process = self.spawn()?;
        let mut orders = serde_json::to_vec(orders).context("writing its orders")?;
        orders.push(b'\n');
        let mut input = process.stdin.take().context("it has no standard input")?;
        // One that ends at once does not read them; how it ended says more.
        let _ = input.write_all(&orders).await;
        let output = process.stdout.take().context("it has no standard output")?;
        let pid = process.id().context("it has no number")?;
        let up = || {
            tracing::info!(pid, "the engines are up");
            self.change(|state| state.life = Life::Up { pid, since: clock.now() });
        };
        if let Some(errors) = process.stderr.take() {
            self.0.tasks.spawn(relay::log(errors));
        }
        let exit = tokio::select! {
            exit = process.wait() => exit,
            never = relay::await_ready(output, up) => match never {},
            () = stop.cancelled() => end(process, input).await,
        };
        place.clear();
        exit.context("waiting for its end")
    }

    fn spawn(&self) -> anyhow::Result<Process> {
        let Parts { program, place, .. } = &*self.0;
        Command::new(program)
            .arg("engines")
            .arg("--socket")
            .arg(place.socket())
            .envs(THRIFT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A signal from the terminal is for the parent, which lets the child end in its turn.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.state.lock().expect("telling how it is does not panic"));
    }
}

/// The end of the child's standard input is the parent's wish that it ends.
async fn end(mut process: Process, input: ChildStdin) -> std::io::Result<ExitStatus> {
    drop(input);
    if let Ok(exit) = timeout(FAREWELL, process.wait()).await {
        return exit;
    }
    process.kill().await?;
    process.wait().await
}
