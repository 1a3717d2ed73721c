//! The whole server put together and started: database, carriers, jobs, doors. It holds no knowledge of its own
//! beyond the order in which the pieces begin and end.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::Region;
use crate::app::{App, Followed, Parts, Waiting};
use crate::carriers::simulated::{self, Source};
use crate::carriers::{Arrival, Connection, Inbox};
use crate::clock::Clock;
use crate::config::{Carrier, CarrierKind, Config};
use crate::db::{Db, Location};
use crate::http::idempotency::Live;
use crate::http::totals::Totals;
use crate::id::Ids;
use crate::jobs::accepter::Accepter;
use crate::jobs::meter::{self, Meter};
use crate::jobs::recorder::Recorder;
use crate::jobs::settler::Settler;
use crate::jobs::{self, arrivals, indexer, presence, upkeep};
use crate::media_store::MediaStore;
use crate::network::Network;
use crate::network::link::Line;
use crate::phone::lines::{self, Ability, DailyLimits, Lines};
use crate::queue::{Limits, Room};
use crate::voice::child::{self, Child};
use crate::voice::engine;
use crate::voice::hearing::Hearing;
use crate::voice::upstream::Upstreams;
use crate::{http, net};

/// Arrivals that may wait to be stored.
const ARRIVALS: usize = 4096;
/// What is under way may take so long to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(10);
/// And so long once what it stood on has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A running server.
pub struct Server {
    pub app: App,
    pub address: SocketAddr,
}

/// Where `config` says the data is.
pub fn location(config: &Config) -> Location {
    if config.database_url.is_empty() {
        return Location::File(config.data.join("agentphone.db"));
    }
    Location::Postgres { url: config.database_url.clone(), connections: config.database.connections }
}

/// Begins everything that runs beside requests.
async fn begin(app: &App, arrived: mpsc::Receiver<Arrival>) -> anyhow::Result<()> {
    presence::bury_the_dead(app).await.map_err(anyhow::Error::new)?;
    app.tasks.spawn(app.stop.clone().run_until_cancelled_owned(arrivals::run(app.clone(), arrived)));
    app.tasks.spawn(presence::watch(app.clone()));
    app.tasks.spawn(meter::run(app.clone()));
    if app.config.search.enabled {
        app.tasks.spawn(indexer::run(app.clone()));
    }
    jobs::start(app);
    upkeep::schedule(app).await.map_err(anyhow::Error::new)?;
    Ok(())
}

impl Server {
    /// Starts everything; requests are served when this returns.
    pub async fn start(
        config: Config,
        listener: TcpListener,
        clock: Clock,
        ids: Ids,
    ) -> anyhow::Result<Self> {
        let address = listener.local_addr()?;
        let region = Region::parse(&config.region)
            .with_context(|| format!("region {:?} is no country", config.region))?;
        let db = Db::open(location(&config), ids.clone()).await?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let waiting = Waiting::default();
        waiting.listen_to(&db);
        let followed = Followed::default();
        followed.listen_to(&db);
        let (inbox, arrived) = mpsc::channel(ARRIVALS);
        let house = House { config: &config, db: &db, clock: &clock, ids: &ids, tasks: &tasks, stop: &stop };
        let (carriers, network) = house.carriers(&inbox).await?;
        let lines = abilities(&config, &carriers);
        let settler = Settler::new(db.clone(), ids.clone(), clock.clone(), tasks.clone());
        let recorder = Recorder::new(db.clone(), ids.clone(), clock.clone(), lines.clone(), tasks.clone());
        let (per_lane, in_all) = (config.webhooks.per_endpoint, config.webhooks.in_all);
        let hooks = Room::new(Limits { per_lane, in_all, exclusive: false });
        let accepter = Accepter::new(db.clone(), ids.clone(), lines.clone(), tasks.clone());
        let (engines, upstreams) =
            (engines(&config, &clock, &ids)?, Upstreams::new(clock.clone(), ids.clone()));
        let app = App::new(Parts {
            region,
            net: net::Client::new(policy(&config)?),
            media: MediaStore::open(&config.media.store, &config.data)?,
            lines,
            carrier_order: config.carriers.iter().map(|carrier| carrier.name.clone()).collect(),
            carriers,
            network,
            bound: OnceLock::from(address),
            live: Live::default(),
            totals: Totals::default(),
            meter: Meter::default(),
            voice: engine::table(&config.voice, &upstreams, engines.as_ref().map(Child::socket))?,
            hearing: Hearing::new(config.voice.max_audio_seconds),
            upstreams,
            engines,
            config,
            db,
            clock,
            ids,
            tasks,
            stop,
            stopped: CancellationToken::new(),
            waiting,
            followed,
            settler,
            accepter,
            recorder,
            hooks,
        });
        begin(&app, arrived).await?;
        let serving = http::serve::serve(app.clone(), http::router(&app), listener);
        app.tasks.spawn(serving);
        Ok(Self { app, address })
    }

    /// Stops taking requests, lets what is under way end, closes the database.
    pub async fn stop(self) {
        let Self { app, .. } = self;
        app.stop.cancel();
        app.tasks.close();
        if tokio::time::timeout(FAREWELL, app.tasks.wait()).await.is_err() {
            tracing::info!("some work was still under way; it goes on at the next start");
        }
        app.stopped.cancel();
        if let Some(engines) = &app.engines {
            engines.stop().await;
        }
        // Answers that this cut off end now, and leave what they used.
        let _ = tokio::time::timeout(LAST_WORDS, app.tasks.wait()).await;
        app.meter.store(&app.db).await;
        app.db.close();
    }
}

/// What the pieces are made with.
struct House<'a> {
    config: &'a Config,
    db: &'a Db,
    clock: &'a Clock,
    ids: &'a Ids,
    tasks: &'a TaskTracker,
    stop: &'a CancellationToken,
}

impl House<'_> {
    async fn carriers(
        &self,
        inbox: &Inbox,
    ) -> anyhow::Result<(HashMap<String, Connection>, Option<Network>)> {
        let mut carriers = HashMap::new();
        let mut inner = None;
        for carrier in &self.config.carriers {
            let connection = match carrier.kind {
                CarrierKind::Simulated => self.simulated(carrier, &mut inner, inbox.clone()).await?,
            };
            carriers.insert(carrier.name.clone(), connection);
        }
        Ok((carriers, inner))
    }

    async fn simulated(
        &self,
        carrier: &Carrier,
        inner: &mut Option<Network>,
        inbox: mpsc::Sender<Arrival>,
    ) -> anyhow::Result<Connection> {
        let source = if let Some(url) = &carrier.url {
            Source::Remote(url.clone())
        } else {
            let network = match inner {
                Some(network) => network.clone(),
                None => inner.insert(self.network(&self.config.data.join("network"))?).clone(),
            };
            Source::Inner(network)
        };
        let name = carrier.name.clone();
        let ours = self.db.read(move |tx| lines::of_carrier(tx, &name)).await.map_err(anyhow::Error::new)?;
        let mut lines: Vec<Line> =
            ours.into_iter().map(|(number, imessage)| Line { number, imessage }).collect();
        for number in &carrier.numbers {
            if lines.iter().all(|line| line.number != *number) {
                lines.push(Line { number: number.clone(), imessage: false });
            }
        }
        Ok(simulated::connect(simulated::Setup {
            name: Arc::from(carrier.name.as_str()),
            source,
            lines,
            inbox,
            ids: self.ids.clone(),
            tasks: self.tasks.clone(),
            stop: self.stop.clone(),
        }))
    }

    fn network(&self, folder: &Path) -> anyhow::Result<Network> {
        Network::open(folder, self.clock.clone(), self.ids.clone(), self.tasks, self.stop.clone())
            .context("opening the simulated network")
    }
}

/// The process of the built-in engines, if the configuration names models for it.
fn engines(config: &Config, clock: &Clock, ids: &Ids) -> anyhow::Result<Option<Child>> {
    let Some(orders) = child::orders(&config.voice, &config.data) else { return Ok(None) };
    let program = &config.voice.engines.program;
    let program = if program.as_os_str().is_empty() { std::env::current_exe()? } else { program.clone() };
    let place = child::Place::new(&config.data, ids)?;
    Ok(Some(Child::start(program, place, orders, clock.clone())))
}

fn policy(config: &Config) -> anyhow::Result<net::Policy> {
    let outbound = &config.outbound;
    let networks: Result<Vec<_>, _> = outbound.allow_networks.iter().map(|text| text.parse()).collect();
    Ok(net::Policy {
        allow_private: outbound.allow_private,
        allow_http: outbound.allow_http,
        allow_networks: networks.context("outbound.allow_networks")?,
    })
}

fn abilities(config: &Config, carriers: &HashMap<String, Connection>) -> Lines {
    let ability = |connection: &Connection| {
        let able = connection.capabilities;
        Ability {
            sms: able.sms,
            mms: able.mms,
            imessage: able.imessage,
            reactions: able.reactions,
            emoji_reactions: able.emoji_reactions,
            replies: able.replies,
            effects: able.effects,
            backgrounds: able.backgrounds,
            groups: able.groups,
            typing: able.typing,
            exclusive: able.exclusive || table(config, connection).is_some_and(|table| table.exclusive),
            daily: daily_limits(config, connection),
            up: connection.up.clone(),
        }
    };
    Lines::new(carriers.iter().map(|(name, connection)| (name.clone(), ability(connection))).collect())
}

fn table<'a>(config: &'a Config, connection: &Connection) -> Option<&'a Carrier> {
    config.carriers.iter().find(|table| table.name == *connection.name)
}

/// The carrier's own limits, else those of all real lines; 0 is none.
fn daily_limits(config: &Config, connection: &Connection) -> DailyLimits {
    let table = table(config, connection);
    let usual = |limit: i64| (!connection.capabilities.sandbox).then_some(limit);
    let strangers = table.and_then(|table| table.new_contacts_per_day);
    let callers = table.and_then(|table| table.callers_per_day);
    DailyLimits {
        strangers: strangers.or(usual(config.imessage.new_contacts_per_day)).filter(|limit| *limit > 0),
        callers: callers.or(usual(config.imessage.callers_per_day)).filter(|limit| *limit > 0),
    }
}
