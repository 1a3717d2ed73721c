use async_trait::async_trait;

use super::super::{Answer, Chat, Listen, Speak};
use super::*;
use crate::config::{Config, Profile};

/// Says its own name, refuses or fails.
struct Fake(String);

impl Fake {
    fn fault(&self) -> Option<Fault> {
        let message = self.0.clone();
        match self.0.as_str() {
            "refuses" => Some(Fault::Refused { code: None, message }),
            "fails" => Some(Fault::Failed { message }),
            _ => None,
        }
    }
}

#[async_trait]
impl Listen for Fake {
    async fn listen(&self, _: Listening) -> Result<BoxStream<'static, Result<Heard, Fault>>, Fault> {
        Err(Fault::Failed { message: self.0.clone() })
    }
}

#[async_trait]
impl Speak for Fake {
    async fn speak(&self, utterance: Utterance) -> Result<Speech, Fault> {
        // The voice it was given, told as the fault.
        Err(Fault::Refused { code: None, message: utterance.voice })
    }
}

#[async_trait]
impl Chat for Fake {
    async fn chat(&self, _: Question) -> Result<Answer, Fault> {
        let bytes = Box::pin(futures_util::stream::empty());
        self.fault().map_or_else(|| Ok(Answer { headers: Vec::new(), bytes }), Err)
    }
}

/// The table of this `[voice]`, whose models are fakes named after themselves; `absent` have no engine.
fn table(models: &str, stand_ins: &str, absent: &[&str]) -> Table {
    let variables = [("MODELS", models), ("STAND_INS", stand_ins)]
        .map(|(name, value)| (format!("AGENTPHONE_VOICE_{name}"), value.to_owned()));
    let config = Config::load(Profile::Development, None, variables).unwrap();
    Table::new(&config.voice, |name, _| {
        (!absent.contains(&name)).then(|| Arc::new(Fake(name.to_owned())) as Arc<dyn Engine>)
    })
}

const URL: &str = "engine = \"openai\", url = [\"http://127.0.0.1:1/v1\"]";

async fn chat(table: &Table, model: Option<&str>) -> Result<String, Fault> {
    let question = Question { body: "{}".into(), streamed: false };
    let name = table.model(Task::Chat, model).unwrap();
    name.chat(&question).await.map(|ran| ran.label.to_string())
}

async fn voice(table: &Table, model: Option<&str>, voice: &str) -> Result<String, String> {
    let name = table.speaker(model, voice).map_err(|unknown| unknown.to_string())?;
    let utterance = Utterance { text: String::new(), voice: voice.to_owned(), speed: 1.0 };
    match name.speak(&utterance).await {
        Err(Fault::Refused { message, .. }) => Ok(message),
        Err(fault) => Err(format!("{fault:?}")),
        Ok(_) => Err("spoke".to_owned()),
    }
}

#[tokio::test]
async fn without_a_name_the_public_one_is_meant() {
    let table = table(&format!("{{ \"Qwen3-Next-80B\" = {{ {URL}, model = \"Qwen/Q\" }} }}"), "{}", &[]);
    assert_eq!(chat(&table, None).await.unwrap(), "openai Qwen/Q");
    assert_eq!(chat(&table, Some("Qwen3-Next-80B")).await.unwrap(), "openai Qwen/Q");
    let unknown = table.model(Task::Chat, Some("gpt-9")).map(drop).unwrap_err();
    assert!(unknown.to_string().contains("gpt-9"));
    assert!(table.model(Task::Chat, Some("orpheus")).is_err(), "it does something else");
    let setting = "voice.models.\"whisper-large-v3\"";
    let nobody = table.model(Task::Transcription, None).unwrap();
    let answering =
        nobody.first(|it| Some(it.engine.chat(Question { body: "{}".into(), streamed: false }))).await;
    assert_eq!(answering.map(|_| ()).unwrap_err(), Fault::NotConfigured { setting: setting.to_owned() });
}

#[tokio::test]
async fn fallbacks_are_asked_when_the_first_fails_and_not_when_it_refuses() {
    let model = |name: &str, fallback: &str| {
        format!("{name} = {{ {URL}, task = \"chat\", fallback = [{fallback}] }}")
    };
    let models = [
        model("fails", "\"refuses\""),
        model("both", "\"good\""),
        model("refuses", "\"good\""),
        model("good", ""),
    ];
    let table = table(&format!("{{ {} }}", models.join(", ")), "{}", &["both"]);
    assert!(matches!(chat(&table, Some("fails")).await, Err(Fault::Refused { .. })));
    assert!(matches!(chat(&table, Some("refuses")).await, Err(Fault::Refused { .. })));
    assert_eq!(chat(&table, Some("both")).await.unwrap(), "openai good (fallback of both)");
}

#[tokio::test]
async fn a_stand_in_says_so_and_speaks_for_every_voice_with_its_own() {
    let models = format!("{{ joe = {{ {URL}, task = \"speech\", voices = [\"joe\"] }} }}");
    let table = table(&models, "{ orpheus = \"joe\" }", &[]);
    assert_eq!(voice(&table, None, "tara").await.unwrap(), "joe");
    assert_eq!(voice(&table, Some("joe"), "joe").await.unwrap(), "joe");
    let unspoken = voice(&table, Some("joe"), "tara").await.unwrap_err();
    assert!(unspoken.contains("not available") && unspoken.contains("\"orpheus\""), "{unspoken}");
    assert!(voice(&table, None, "nobody").await.unwrap_err().contains("no voice"));
    let tara = &table.voices()[0];
    assert_eq!(tara.engine.as_deref(), Some("openai joe (stand-in for orpheus)"));
    let ids: Vec<&str> = table.voices().iter().map(|it| it.id.as_str()).collect();
    assert_eq!((ids.len(), ids[0], ids[24]), (25, "tara", "joe"));
    let names: Vec<_> = table.names().iter().map(|it| (it.id.as_str(), it.stand_in.as_deref())).collect();
    let expected =
        [("Qwen3-Next-80B", None), ("whisper-large-v3", None), ("orpheus", Some("joe")), ("joe", None)];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn where_nothing_speaks_the_setting_is_named_and_where_others_do_the_voice_is_not_available() {
    let nothing = table("{}", "{}", &[]);
    assert!(voice(&nothing, None, "tara").await.unwrap_err().contains("NotConfigured"));
    assert!(nothing.voices().iter().all(|it| it.engine.is_none()) && nothing.voices().len() == 24);
    let other = table(&format!("{{ joe = {{ {URL}, task = \"speech\", voices = [\"joe\"] }} }}"), "{}", &[]);
    assert!(voice(&other, None, "tara").await.unwrap_err().contains("not available"));
}
