//! Settings: `agentphone.default.toml`, then the models that were imported, then a file, then the environment. The
//! default file is the documentation; an unknown key is an error that names it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use toml::{Table, Value};

pub mod voice;

const DEFAULTS: &str = include_str!("../agentphone.default.toml");

/// What `agentphone models import` writes, in the data folder.
const IMPORTED: &str = "models/models.toml";

/// What a laptop wants and production must not have.
const DEVELOPMENT: &str = r"
outbound = { allow_http = true, allow_private = true }
sim = { open = true }
rate_limits = { reads_per_minute = 0, writes_per_minute = 0, webhook_changes_per_hour = 0, webhook_tests_per_hour = 0,
                number_purchases_per_hour = 0, number_releases_per_hour = 0 }
";

/// Which defaults apply, and what may not be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    Development,
    Production,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: String,
    pub data: PathBuf,
    pub database_url: String,
    pub public_url: String,
    pub region: String,
    send_wait: f64,
    pub message_validity_hours: u32,
    pub log: LogFormat,
    pub database: Database,
    pub webhooks: Webhooks,
    pub outbound: Outbound,
    pub media: Media,
    pub imessage: Imessage,
    pub sim: Sim,
    pub rate_limits: RateLimits,
    pub search: Search,
    pub quota: Quota,
    pub retention: Retention,
    pub voice: voice::Voice,
    #[serde(default)]
    pub carriers: Vec<Carrier>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub connections: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    retry_schedule: Vec<f64>,
    pub per_endpoint: usize,
    pub in_all: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names of the settings")]
pub struct Outbound {
    pub allow_http: bool,
    pub allow_private: bool,
    pub allow_networks: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    pub max_bytes: usize,
    pub wait_seconds: u64,
    /// A URL; empty for a folder of the data folder.
    pub store: String,
}

/// What holds for every iMessage line, unless its carrier says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imessage {
    pub capability_minutes: u32,
    pub new_contacts_per_day: i64,
    pub callers_per_day: i64,
}

/// The simulated network, where it runs inside this process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sim {
    pub open: bool,
}

/// Requests per key and class; 0 is no limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    pub reads_per_minute: u32,
    pub writes_per_minute: u32,
    pub webhook_changes_per_hour: u32,
    pub webhook_tests_per_hour: u32,
    pub number_purchases_per_hour: u32,
    pub number_releases_per_hour: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    pub enabled: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    pub numbers: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    pub idempotency_hours: u32,
    pub delivery_days: u32,
}

/// One `[[carriers]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carrier {
    pub name: String,
    pub kind: CarrierKind,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub numbers: Vec<String>,
    #[serde(default)]
    pub new_contacts_per_day: Option<i64>,
    #[serde(default)]
    pub callers_per_day: Option<i64>,
    /// A number is worked by one process at a time, whatever the kind needs.
    #[serde(default)]
    pub exclusive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CarrierKind {
    Simulated,
}

impl Carrier {
    /// The simulated network inside this process.
    pub fn simulated() -> Self {
        Self {
            name: "simulated".to_owned(),
            kind: CarrierKind::Simulated,
            url: None,
            numbers: Vec::new(),
            new_contacts_per_day: None,
            callers_per_day: None,
            exclusive: false,
        }
    }
}

impl Config {
    /// The settings of `profile`, with `file` and the variables `environment` laid over them.
    pub fn load(
        profile: Profile,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> anyhow::Result<Self> {
        let defaults: Table = DEFAULTS.parse().context("agentphone.default.toml")?;
        let file = file.map(read_table).transpose()?;
        let environment = variables(environment, &defaults)?;
        let finish = |mut settings: Table| -> anyhow::Result<Self> {
            if let Some(file) = &file {
                lay_over(&mut settings, file.clone());
            }
            for (path, value) in &environment {
                set(&mut settings, path, value.clone());
            }
            Value::Table(settings).try_into().context("in the configuration")
        };
        let mut settings = defaults.clone();
        if profile == Profile::Development {
            lay_over(&mut settings, DEVELOPMENT.parse().context("the development profile")?);
        }
        let mut config = finish(settings.clone())?;
        // Where the imported models stand is known only now; what they say lies under what was chosen.
        let imported = config.data.join(IMPORTED);
        if imported.exists() {
            let models = read_table(&imported)?;
            let names = names_of_models(&models);
            lay_over(&mut settings, models);
            config = finish(settings)?;
            if profile == Profile::Development {
                config.voice.stand_in(&names);
            }
        }
        config.check(profile)?;
        Ok(config)
    }

    fn check(&self, profile: Profile) -> anyhow::Result<()> {
        ensure!(self.send_wait.is_finite() && self.send_wait >= 0.0, "send_wait must be a number of seconds");
        ensure!(self.database.connections >= 4, "database.connections must be at least 4");
        for pause in &self.webhooks.retry_schedule {
            ensure!(
                pause.is_finite() && *pause >= 0.0,
                "webhooks.retry_schedule must hold numbers of seconds"
            );
        }
        for (index, carrier) in self.carriers.iter().enumerate() {
            let twice = self.carriers[..index].iter().any(|other| other.name == carrier.name);
            ensure!(!twice, "two [[carriers]] are named {:?}", carrier.name);
        }
        self.voice.check()?;
        if profile == Profile::Production {
            self.check_production()?;
        }
        Ok(())
    }

    fn check_production(&self) -> anyhow::Result<()> {
        if self.public_url.is_empty() {
            bail!(
                "set public_url (AGENTPHONE_PUBLIC_URL): how the outside reaches this server, such as https://phone.example"
            );
        }
        if self.carriers.is_empty() {
            bail!("configure at least one [[carriers]] table: without one no message can leave");
        }
        Ok(())
    }

    pub fn send_wait(&self) -> Duration {
        Duration::from_secs_f64(self.send_wait)
    }
}

impl Webhooks {
    pub fn retry_schedule(&self) -> Vec<Duration> {
        self.retry_schedule.iter().map(|seconds| Duration::from_secs_f64(*seconds)).collect()
    }
}

fn read_table(file: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    text.parse().with_context(|| format!("reading {}", file.display()))
}

/// The models that a table of settings names.
fn names_of_models(settings: &Table) -> Vec<String> {
    let models = get(settings, &["voice".to_owned(), "models".to_owned()]);
    models.and_then(Value::as_table).into_iter().flat_map(Table::keys).cloned().collect()
}

/// The settings among the environment's variables, read.
fn variables(
    environment: impl IntoIterator<Item = (String, String)>,
    defaults: &Table,
) -> anyhow::Result<Vec<(Vec<String>, Value)>> {
    let mut found = Vec::new();
    for (name, text) in environment {
        if let Some(path) = setting_of(&name, defaults) {
            let old = get(defaults, &path).context("a known setting")?;
            found.push((path, read(&text, old).with_context(|| format!("reading {name}"))?));
        }
    }
    Ok(found)
}

/// `over` wins; tables are merged, everything else is replaced.
fn lay_over(settings: &mut Table, over: Table) {
    for (key, value) in over {
        match (settings.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => lay_over(old, new),
            (_, value) => drop(settings.insert(key, value)),
        }
    }
}

/// The setting that an environment variable names, if it names one.
fn setting_of(variable: &str, defaults: &Table) -> Option<Vec<String>> {
    let name = variable.strip_prefix("AGENTPHONE_")?.to_lowercase();
    if defaults.get(&name).is_some_and(|value| !value.is_table()) {
        return Some(vec![name]);
    }
    defaults.iter().find_map(|(section, value)| {
        let key = name.strip_prefix(section)?.strip_prefix('_')?;
        value.as_table()?.contains_key(key).then(|| vec![section.clone(), key.to_owned()])
    })
}

/// A variable's text as the kind of value that the setting has.
fn read(text: &str, old: &Value) -> anyhow::Result<Value> {
    if old.is_str() {
        return Ok(Value::String(text.to_owned()));
    }
    let line: Table = format!("value = {text}").parse()?;
    let value = line.get("value").cloned().context("no value")?;
    Ok(match (old, value) {
        (Value::Float(_), Value::Integer(number)) => {
            format!("{number}.0").parse::<f64>().map(Value::Float)?
        }
        (_, value) => value,
    })
}

fn get<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() { Some(value) } else { get(value.as_table()?, rest) }
}

fn set(table: &mut Table, path: &[String], value: Value) {
    match path {
        [key] => drop(table.insert(key.clone(), value)),
        [section, rest @ ..] => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                set(inner, rest, value);
            }
        }
        [] => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(profile: Profile, variables: &[(&str, &str)]) -> anyhow::Result<Config> {
        let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Config::load(profile, None, variables)
    }

    #[test]
    fn the_environment_wins_and_knows_types() {
        let config = load(
            Profile::Development,
            &[
                ("AGENTPHONE_LISTEN", "127.0.0.1:0"),
                ("AGENTPHONE_SEND_WAIT", "1"),
                ("AGENTPHONE_WEBHOOKS_RETRY_SCHEDULE", "[0.2, 1]"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen, "127.0.0.1:0");
        assert_eq!(config.send_wait(), Duration::from_secs(1));
        assert_eq!(config.webhooks.retry_schedule(), [Duration::from_millis(200), Duration::from_secs(1)]);
        assert_eq!(config.rate_limits.reads_per_minute, 0, "off in development");
    }

    #[test]
    fn production_names_what_is_missing() {
        let error = load(Profile::Production, &[]).unwrap_err().to_string();
        assert!(error.contains("AGENTPHONE_PUBLIC_URL"), "{error}");
    }

    #[test]
    fn imported_models_stand_in_on_a_laptop_only() {
        let folder = std::env::temp_dir().join(format!("agentphone-imported-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("models")).unwrap();
        let tables = "[voice.models.tiny]\nengine = \"whisper\"\npath = \"models/tiny\"\n\
                      [voice.models.small]\nengine = \"llama\"\npath = \"models/small.gguf\"\n";
        std::fs::write(folder.join("models/models.toml"), tables).unwrap();
        let data = ("AGENTPHONE_DATA", folder.to_str().unwrap());
        let here = load(Profile::Development, &[data]).unwrap();
        let chosen = load(
            Profile::Development,
            &[
                data,
                ("AGENTPHONE_VOICE_CHAT", "other"),
                ("AGENTPHONE_VOICE_STAND_INS", "{ other = 'small' }"),
            ],
        );
        let file = folder.join("production.toml");
        let own = "public_url = 'https://phone.example'\n[[carriers]]\nname = 'a'\nkind = 'simulated'\n";
        std::fs::write(&file, own).unwrap();
        let data = (data.0.to_owned(), data.1.to_owned());
        let there = Config::load(Profile::Production, Some(&file), [data]);
        std::fs::remove_dir_all(&folder).unwrap();
        let stand_ins: Vec<_> = here.voice.stand_ins.into_iter().collect();
        let expected = [("Qwen3-Next-80B", "small"), ("whisper-large-v3", "tiny")];
        assert_eq!(stand_ins, expected.map(|(public, name)| (public.to_owned(), name.to_owned())));
        assert_eq!(chosen.unwrap().voice.stand_ins["other"], "small", "what was chosen stays");
        let there = there.unwrap().voice;
        assert!(there.models.contains_key("tiny") && there.stand_ins.is_empty(), "{:?}", there.stand_ins);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let file = std::env::temp_dir().join(format!("agentphone-config-{}.toml", std::process::id()));
        std::fs::write(&file, "[webhooks]\nretries = 3\n").unwrap();
        let error = Config::load(Profile::Development, Some(&file), []).unwrap_err();
        std::fs::remove_file(&file).unwrap();
        assert!(format!("{error:#}").contains("retries"), "{error:#}");
    }
}
