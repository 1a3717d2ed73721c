//! A real server on a free port, with the simulated network inside it or beside it, and the calls that tests make.
//! Its time stands still unless moved; its ids are repeatable. It can stop like a server and end like a crash.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agentphone::app::App;
use agentphone::clock::Clock;
use agentphone::config::{Carrier, Config, Profile};
use agentphone::db::Tx;
use agentphone::error::Result;
use agentphone::id::{Ids, KeyId, MessageId};
use agentphone::network;
use agentphone::phone::messages::{self, Message};
use agentphone::phone::{accounts, keys};
use agentphone::server::Server;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::{self, Answer, Request};
use crate::place::{Place, START};
use crate::wait::{PATIENCE, until, until_true};

/// A person's phone.
pub const ADA: &str = "+14155550142";
pub const BOB: &str = "+14155550163";

/// Everything but the server: what is there before it starts and after it has crashed.
#[derive(Clone)]
pub struct Setting {
    pub place: Place,
    pub clock: Clock,
    owner: Option<Owner>,
    beside: Option<Arc<Beside>>,
    settings: Vec<(String, String)>,
    carrier: Carrier,
    seed: u64,
}

#[derive(Clone)]
struct Owner {
    key: String,
}

/// The simulated network as a program of its own would be: it goes on living when a server ends.
struct Beside {
    address: SocketAddr,
    stop: CancellationToken,
    _serving: JoinSet<()>,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Setting {
    pub async fn new() -> Self {
        Self {
            place: Place::new().await,
            clock: Clock::manual(START),
            owner: None,
            beside: None,
            settings: Vec::new(),
            carrier: Carrier::simulated(),
            seed: 1,
        }
    }

    /// With this setting, by the name of its variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((format!("AGENTPHONE_{name}"), value.to_owned()));
        self
    }

    /// With these limits of new contacts and of callers a day.
    pub fn with_daily(mut self, new_contacts: i64, callers: i64) -> Self {
        (self.carrier.new_contacts_per_day, self.carrier.callers_per_day) =
            (Some(new_contacts), Some(callers));
        self
    }

    /// With a carrier whose numbers are each worked by one process at a time.
    pub fn with_exclusive_numbers(mut self) -> Self {
        self.carrier.exclusive = true;
        self
    }

    /// With the network beside the server instead of inside it.
    pub async fn with_network_beside(mut self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let (folder, clock, stopped) =
            (self.place.folder().join("network-beside"), self.clock.clone(), stop.clone());
        let ids = Ids::from_seed(clock.clone(), 1_000);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            network::serve(listener, &folder, clock, ids, stopped).await.unwrap();
        });
        self.beside = Some(Arc::new(Beside { address, stop, _serving: serving }));
        self
    }

    fn config(&self) -> Config {
        let mut variables = vec![
            ("AGENTPHONE_DATA".to_owned(), self.place.folder().display().to_string()),
            ("AGENTPHONE_DATABASE_URL".to_owned(), self.place.url()),
            ("AGENTPHONE_DATABASE_CONNECTIONS".to_owned(), "6".to_owned()),
        ];
        variables.extend(self.settings.clone());
        let mut config = Config::load(Profile::Development, None, variables).unwrap();
        let url = self.beside.as_ref().map(|beside| format!("http://{}", beside.address));
        config.carriers = vec![Carrier { url, ..self.carrier.clone() }];
        config
    }

    /// Starts a server; it is connected to the network when this returns.
    pub async fn start(mut self) -> TestServer {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (config, clock) = (self.config(), self.clock.clone());
        let ids = Ids::from_seed(clock.clone(), self.seed);
        self.seed += 1;
        let starting = async move {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Server::start(config, listener, clock, ids).await
        };
        let Server { app, address } = runtime.spawn(starting).await.unwrap().unwrap();
        let owner = match self.owner.clone() {
            Some(owner) => owner,
            None => new_owner(&app).await,
        };
        self.owner = Some(owner.clone());
        let server = TestServer { app, address, key: owner.key, setting: self, runtime: Some(runtime) };
        server.carrier_up(true).await;
        server
    }
}

async fn new_owner(app: &App) -> Owner {
    let account = accounts::draft(&app.ids, "Test", app.clock.now());
    let (key, minted, now) = (KeyId::new(&app.ids), keys::mint(&app.ids), app.clock.now());
    let owner = Owner { key: minted.clone() };
    let unit = move |tx: &mut Tx<'_>| {
        accounts::create(tx, &account)?;
        keys::create(tx, &key, &account.id, "test", &minted, now)
    };
    app.db.write(unit).await.unwrap();
    owner
}

/// A running server.
pub struct TestServer {
    pub app: App,
    pub address: SocketAddr,
    pub key: String,
    pub setting: Setting,
    runtime: Option<Runtime>,
}

/// One of our numbers.
#[derive(Clone)]
pub struct Line {
    pub id: String,
    pub number: String,
}

impl TestServer {
    /// A server on an empty database, with the network inside.
    pub async fn start() -> Self {
        Setting::new().await.start().await
    }

    /// Stops as a server does when it is told to.
    pub async fn stop(mut self) -> Setting {
        let runtime = self.runtime.take().unwrap();
        let server = Server { app: self.app.clone(), address: self.address };
        runtime.spawn(server.stop()).await.unwrap();
        self.end(runtime).await
    }

    /// Ends like a crash: nothing that was under way goes on, nothing is said to anybody.
    pub async fn crash(mut self) -> Setting {
        let runtime = self.runtime.take().unwrap();
        self.end(runtime).await
    }

    async fn end(self, runtime: Runtime) -> Setting {
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(5)));
        ended.await.unwrap();
        // The threads of a process that is gone are gone too, and with them the lock of its data folder.
        self.app.db.close();
        let setting = self.setting.clone();
        let lock = setting.config().data.join("lock");
        drop(self);
        until_true("the data folder to be free", async || {
            std::fs::File::open(&lock).is_ok_and(|file| file.try_lock().is_ok()) || !lock.exists()
        })
        .await;
        setting
    }

    /// Moves the time of server and network.
    pub fn advance(&self, length: Duration) {
        self.app.clock.advance(length);
    }

    pub async fn call(&self, request: Request<'_>) -> Answer {
        self.call_as(&self.key, request).await
    }

    /// The same with another key.
    pub async fn call_as(&self, key: &str, request: Request<'_>) -> Answer {
        self.try_call_as(key, request).await.expect("an answer has a head")
    }

    /// The same where the server may hang up.
    pub async fn try_call(&self, request: Request<'_>) -> Option<Answer> {
        self.try_call_as(&self.key, request).await
    }

    async fn try_call_as(&self, key: &str, request: Request<'_>) -> Option<Answer> {
        let authorization = format!("Bearer {key}");
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(request.headers);
        client::try_call(self.address, Request { headers: &headers, ..request }).await
    }

    async fn ok(&self, method: &str, path: &str, body: Option<&Value>, expected: u16) -> Value {
        let answer = self.call(Request { method, path, headers: &[], body }).await;
        let shown = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, expected, "{method} {path} {body:?}: {shown}");
        answer.json()
    }

    pub async fn get(&self, path: &str) -> Value {
        self.ok("GET", path, None, 200).await
    }

    pub async fn post(&self, path: &str, body: Value, expected: u16) -> Value {
        self.ok("POST", path, Some(&body), expected).await
    }

    pub async fn put(&self, path: &str, body: Value, expected: u16) -> Value {
        self.ok("PUT", path, Some(&body), expected).await
    }

    pub async fn delete(&self, path: &str, expected: u16) -> Value {
        self.ok("DELETE", path, None, expected).await
    }

    /// A key of another account.
    pub async fn stranger(&self) -> String {
        new_owner(&self.app).await.key
    }

    /// Begins a request and leaves its answer unread.
    pub async fn begin(&self, method: &str, path: &str, body: &Value) -> TcpStream {
        let authorization = format!("Bearer {}", self.key);
        let headers = [("authorization", authorization.as_str())];
        client::send(self.address, Request { method, path, headers: &headers, body: Some(body) }).await
    }

    /// A number of the simulated carrier: `sms` or `imessage`.
    pub async fn buy_number(&self, kind: &str) -> Line {
        let bought = self.post("/v1/numbers", json!({"type": kind}), 200).await;
        let text = |key: &str| bought[key].as_str().unwrap().to_owned();
        Line { id: text("id"), number: text("phoneNumber") }
    }

    /// Sends a text and answers the answer.
    pub async fn send(&self, line: &Line, to: &str, body: &str) -> Value {
        self.post("/v1/messages", json!({"number_id": line.id, "to_number": to, "body": body}), 200).await
    }

    /// The account's webhook, told of these events.
    pub async fn webhook(&self, url: &str, events: &[&str]) {
        self.post("/v1/webhooks", json!({"url": url, "events": events}), 200).await;
    }

    /// The deliveries of the account, newest first.
    pub async fn deliveries(&self) -> Vec<Value> {
        self.get("/v1/webhooks/deliveries?limit=200").await["items"].as_array().unwrap().clone()
    }

    /// A request to the simulated network.
    pub async fn sim(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        match &self.setting.beside {
            None => self.ok(method, path, body, 200).await,
            Some(beside) => {
                let answer = client::call(beside.address, Request { method, path, headers: &[], body }).await;
                assert_eq!(
                    answer.status,
                    200,
                    "{method} {path}: {:?}",
                    String::from_utf8_lossy(&answer.body)
                );
                answer.json()
            }
        }
    }

    /// What goes wrong next (`PUT /sim/faults`).
    pub async fn faults(&self, faults: Value) {
        self.sim("PUT", "/sim/faults", Some(&faults)).await;
    }

    /// Takes the line down, or up again, and waits until the server has seen it.
    pub async fn line_down(&self, down: bool) {
        self.faults(json!({"link_down": down})).await;
        self.carrier_up(!down).await;
    }

    async fn carrier_up(&self, expected: bool) {
        let mut up = self.app.carriers["simulated"].up.clone();
        let changed = tokio::time::timeout(PATIENCE, up.wait_for(|up| *up == expected)).await;
        changed.expect("the carrier goes up or down").unwrap();
    }

    /// A person texts one of our numbers.
    pub async fn person_texts(&self, person: &str, line: &Line, body: &str) {
        let path = format!("/sim/handsets/{person}/messages");
        self.sim("POST", &path, Some(&json!({"to": line.number, "body": body}))).await;
    }

    /// Every text that was handed over, in order.
    pub async fn ledger(&self) -> Vec<Value> {
        let page = self.sim("GET", "/sim/ledger?limit=10000", None).await;
        let rows = page["data"].as_array().unwrap().iter();
        rows.filter(|row| row["direction"] == "out").cloned().collect()
    }

    /// The bodies handed over, once there are so many.
    pub async fn handed_over(&self, count: usize) -> Vec<String> {
        let what = format!("{count} texts in the ledger");
        let rows = until(&what, async || Some(self.ledger().await).filter(|rows| rows.len() >= count)).await;
        rows.iter().map(|row| row["body"].as_str().unwrap().to_owned()).collect()
    }

    /// The message as its row stands.
    pub async fn message(&self, id: &str) -> Message {
        let id = MessageId::from_text(id);
        self.app.db.read(move |tx| messages::find(tx, &id)).await.unwrap().expect("the message is stored")
    }

    /// Waits until the message has this status.
    pub async fn becomes(&self, id: &str, status: messages::Status) -> Message {
        let what = format!("{id} to be {status}");
        until(&what, async || Some(self.message(id).await).filter(|message| message.status == status)).await
    }

    /// The first column of every row, as text.
    pub async fn column(&self, sql: &'static str) -> Vec<String> {
        self.app.db.read(move |tx| tx.query(sql, &[], |row| row.get(0))).await.unwrap()
    }

    /// Waits until no job of this class is left.
    pub async fn no_jobs(&self, sql: &'static str) {
        until_true("the jobs to end", async || self.column(sql).await.is_empty()).await;
    }

    pub async fn write<T: Send + 'static>(
        &self,
        unit: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> T {
        self.app.db.write(unit).await.unwrap()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            self.app.stop.cancel();
            runtime.shutdown_background();
            self.app.db.close();
        }
    }
}

impl TestServer {
    /// The newest delivery, once its attempt of this number has ended.
    pub async fn attempted(&self, number: i64) -> Value {
        let what = format!("attempt {number} to end");
        until(&what, async || {
            let delivery = self.deliveries().await.into_iter().next()?;
            let ended = delivery["status"] != "pending" || delivery["nextRetryAt"].is_string();
            (delivery["attemptCount"] == number && ended).then_some(delivery)
        })
        .await
    }
}
