//! What an agent is told to be: every field of an agent besides its name, their defaults, and the one place where
//! a change to them is checked. The voice fields are kept for calls; text messaging does not look at them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::language::Language;
use super::tools::{self, Tool};
use crate::address::{E164, Region};
use crate::error::{Error, Problem, Result};
use crate::net::Guard;
use crate::patch::Change;
use crate::words;

/// The voice of an agent that chose none.
pub const FIRST_VOICE: &str = "tara";

words! {
    /// Who answers on calls: the webhook, or a model of ours.
    VoiceMode { Webhook = "webhook", Hosted = "hosted", }
}
words! {
    /// How capable, and how dear, the hosted model is.
    ModelTier { Turbo = "turbo", Balanced = "balanced", Max = "max", }
}
words! {
    /// What the transcription favours.
    SttMode { Fast = "fast", Accurate = "accurate", }
}
words! {
    /// What is heard behind the agent's voice.
    AmbientSound { None = "none", Office = "office", CoffeeShop = "coffee-shop", Outdoor = "outdoor", }
}
words! {
    /// What is taken out of the caller's sound.
    DenoisingMode {
        Noise = "noise-cancellation",
        NoiseAndSpeech = "noise-and-background-speech-cancellation",
    }
}

/// Every field of an agent besides id, name and time; stored as JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    #[schema(required)]
    pub description: Option<String>,
    #[schema(required)]
    pub voice_mode: VoiceMode,
    #[schema(required)]
    pub enable_messaging: bool,
    #[schema(required)]
    pub model_tier: ModelTier,
    #[schema(required)]
    pub system_prompt: Option<String>,
    #[schema(required)]
    pub begin_message: Option<String>,
    #[schema(required)]
    pub voice: String,
    #[schema(required)]
    pub transfer_number: Option<String>,
    #[schema(required)]
    pub custom_tools: Option<Vec<Tool>>,
    #[schema(required)]
    pub voicemail_message: Option<String>,
    #[schema(required)]
    pub call_screening_identity: Option<String>,
    #[schema(required)]
    pub call_screening_purpose: Option<String>,
    #[schema(required)]
    pub stt_mode: SttMode,
    #[schema(required)]
    pub ambient_sound: AmbientSound,
    #[schema(required)]
    pub denoising_mode: DenoisingMode,
    #[schema(required)]
    pub max_silence_ms: i64,
    #[schema(required)]
    pub voice_speed: f64,
    #[schema(required)]
    pub interruption_sensitivity: f64,
    #[schema(required)]
    pub enable_backchannel: bool,
    #[schema(required)]
    pub language: Language,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            description: None,
            voice_mode: VoiceMode::Webhook,
            enable_messaging: true,
            model_tier: ModelTier::Balanced,
            system_prompt: None,
            begin_message: None,
            voice: FIRST_VOICE.to_owned(),
            transfer_number: None,
            custom_tools: None,
            voicemail_message: None,
            call_screening_identity: None,
            call_screening_purpose: None,
            stt_mode: SttMode::Fast,
            ambient_sound: AmbientSound::None,
            denoising_mode: DenoisingMode::Noise,
            max_silence_ms: 600_000,
            voice_speed: 1.0,
            interruption_sensitivity: 0.8,
            enable_backchannel: true,
            language: Language::EnUs,
        }
    }
}

/// The fields of an agent as they are sent: what is absent stays as it is. Null or `""` clears a text that may be
/// absent; elsewhere null counts as absent.
#[derive(Clone, Default, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentFields {
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
    pub name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    description: Change<String>,
    /// `hosted` needs a `systemPrompt`.
    voice_mode: Option<VoiceMode>,
    enable_messaging: Option<bool>,
    model_tier: Option<ModelTier>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    system_prompt: Change<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    begin_message: Change<String>,
    /// A voice id; `""` is the server's first voice.
    voice: Option<String>,
    /// A phone number or SIP URI.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = r"^(\+1[2-9][0-9]{9}|\+[2-9][0-9]{7,14}|sips?:[^@ ]+@[^@ ]+)?$")]
    transfer_number: Change<String>,
    /// Replaces the whole set; `[]` clears it.
    #[schema(max_items = 20)]
    custom_tools: Option<Vec<Tool>>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    voicemail_message: Change<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    call_screening_identity: Change<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    call_screening_purpose: Change<String>,
    stt_mode: Option<SttMode>,
    ambient_sound: Option<AmbientSound>,
    denoising_mode: Option<DenoisingMode>,
    #[schema(minimum = 10_000, maximum = 3_600_000)]
    max_silence_ms: Option<i64>,
    #[schema(minimum = 0.5, maximum = 2.0)]
    voice_speed: Option<f64>,
    #[schema(minimum = 0.0, maximum = 1.0)]
    interruption_sensitivity: Option<f64>,
    enable_backchannel: Option<bool>,
    language: Option<Language>,
}

/// What is needed to judge numbers and URLs.
#[derive(Clone, Debug)]
pub struct Rules {
    pub region: Region,
    pub guard: Guard,
}

impl AgentFields {
    /// `name` and `profile` with these fields laid over them, if the whole is a good agent.
    pub fn over(self, name: Option<String>, profile: Profile, rules: &Rules) -> Result<(String, Profile)> {
        let name = self.name.clone().or(name);
        let profile = self.laid_over(profile, rules.region);
        let mut problems = profile.problems(rules);
        match &name {
            None => {
                problems.insert(0, Problem { kind: "missing", ..Problem::value("name", "name is required") });
            }
            Some(name) if !(1..=200).contains(&name.chars().count()) || name.contains('\0') => {
                problems.insert(0, Problem::value("name", "name must have 1 to 200 characters"));
            }
            Some(_) => {}
        }
        name.filter(|_| problems.is_empty()).map(|name| (name, profile)).ok_or(Error::Invalid(problems))
    }

    fn laid_over(self, old: Profile, region: Region) -> Profile {
        let transfer = self.transfer_number.over_text(old.transfer_number);
        Profile {
            description: self.description.over_text(old.description),
            voice_mode: self.voice_mode.unwrap_or(old.voice_mode),
            enable_messaging: self.enable_messaging.unwrap_or(old.enable_messaging),
            model_tier: self.model_tier.unwrap_or(old.model_tier),
            system_prompt: self.system_prompt.over_text(old.system_prompt),
            begin_message: self.begin_message.over_text(old.begin_message),
            voice: self
                .voice
                .map_or(old.voice, |voice| if voice.is_empty() { FIRST_VOICE.to_owned() } else { voice }),
            transfer_number: transfer.map(|text| normalised(text, region)),
            custom_tools: self
                .custom_tools
                .map_or(old.custom_tools, |tools| Some(tools).filter(|it| !it.is_empty())),
            voicemail_message: self.voicemail_message.over_text(old.voicemail_message),
            call_screening_identity: self.call_screening_identity.over_text(old.call_screening_identity),
            call_screening_purpose: self.call_screening_purpose.over_text(old.call_screening_purpose),
            stt_mode: self.stt_mode.unwrap_or(old.stt_mode),
            ambient_sound: self.ambient_sound.unwrap_or(old.ambient_sound),
            denoising_mode: self.denoising_mode.unwrap_or(old.denoising_mode),
            max_silence_ms: self.max_silence_ms.unwrap_or(old.max_silence_ms),
            voice_speed: self.voice_speed.unwrap_or(old.voice_speed),
            interruption_sensitivity: self.interruption_sensitivity.unwrap_or(old.interruption_sensitivity),
            enable_backchannel: self.enable_backchannel.unwrap_or(old.enable_backchannel),
            language: self.language.unwrap_or(old.language),
        }
    }
}

impl Profile {
    fn problems(&self, rules: &Rules) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut unless = |good: bool, field: &str, what: &str| {
            if !good {
                problems.push(Problem::value(field, format!("{field} {what}")));
            }
        };
        let is_promptless = self.voice_mode == VoiceMode::Hosted && self.system_prompt.is_none();
        unless(!is_promptless, "systemPrompt", "is required when voiceMode is hosted");
        let silence = (10_000..=3_600_000).contains(&self.max_silence_ms);
        unless(silence, "maxSilenceMs", "must be between 10000 and 3600000");
        unless((0.5..=2.0).contains(&self.voice_speed), "voiceSpeed", "must be between 0.5 and 2");
        let sensitivity = (0.0..=1.0).contains(&self.interruption_sensitivity);
        unless(sensitivity, "interruptionSensitivity", "must be between 0 and 1");
        let transfer = self.transfer_number.as_ref().is_none_or(|text| is_target(text, rules.region));
        unless(transfer, "transferNumber", "must be a phone number or a SIP URI");
        problems.extend(tools::check(self.custom_tools.as_deref().unwrap_or_default(), &rules.guard));
        problems
    }
}

fn normalised(text: String, region: Region) -> String {
    E164::parse(&text, region).map_or(text, |number| number.as_str().to_owned())
}

/// A phone number, or a URI as RFC 3261 writes it, as far as its scheme and its one `@` tell.
fn is_target(text: &str, region: Region) -> bool {
    let rest = text.strip_prefix("sip:").or_else(|| text.strip_prefix("sips:"));
    let is_uri = |rest: &str| {
        !rest.contains(|it: char| it.is_whitespace() || it.is_control())
            && rest.split_once('@').map_or(!rest.is_empty(), |(user, host)| {
                !user.is_empty() && !host.is_empty() && !host.contains('@')
            })
    };
    rest.map_or_else(|| E164::parse(text, region).is_ok(), is_uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Policy;
    use serde_json::{Value, json};

    fn rules() -> Rules {
        Rules { region: Region::US, guard: Guard::new(Policy::default()) }
    }

    fn over(fields: Value, name: Option<&str>, profile: Profile) -> Result<(String, Profile)> {
        let fields: AgentFields = serde_json::from_value(fields).unwrap();
        fields.over(name.map(str::to_owned), profile, &rules())
    }

    fn wrong(fields: Value) -> Vec<String> {
        match over(fields, Some("A"), Profile::default()) {
            Err(Error::Invalid(problems)) => problems.into_iter().map(|problem| problem.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ranges_have_two_ends() {
        for (field, inside, outside) in [
            ("maxSilenceMs", [json!(10_000), json!(3_600_000)], [json!(9_999), json!(3_600_001)]),
            ("voiceSpeed", [json!(0.5), json!(2)], [json!(0.49), json!(2.01)]),
            ("interruptionSensitivity", [json!(0), json!(1.0)], [json!(-0.1), json!(1.1)]),
            ("name", [json!("x"), json!("é".repeat(200))], [json!(""), json!("x".repeat(201))]),
            (
                "transferNumber",
                [json!("(415) 555-0142"), json!("sip:a@b.example")],
                [json!("sip:"), json!("12")],
            ),
        ] {
            for value in inside {
                assert!(
                    over(json!({field: value}), Some("A"), Profile::default()).is_ok(),
                    "{field} {value}"
                );
            }
            for value in outside {
                assert_eq!(wrong(json!({field: value})), [field], "{value}");
            }
        }
    }

    #[test]
    fn several_faults_come_together() {
        assert_eq!(
            wrong(json!({"voiceMode": "hosted", "voiceSpeed": 9, "name": ""})),
            ["name", "systemPrompt", "voiceSpeed"]
        );
        let Err(Error::Invalid(problems)) = over(json!({}), None, Profile::default()) else {
            panic!("accepted")
        };
        assert_eq!((problems[0].field.as_str(), problems[0].kind), ("name", "missing"));
    }

    #[test]
    fn a_change_keeps_clears_and_replaces() {
        let tool = json!({"name": "a", "description": "d", "url": "https://a.example"});
        let first = json!({"description": "d", "systemPrompt": "s", "voiceMode": "hosted", "customTools": [tool],
                           "transferNumber": "(415) 555-0142", "voice": "leo"});
        let (_, before) = over(first, Some("A"), Profile::default()).unwrap();
        assert_eq!(before.transfer_number.as_deref(), Some("+14155550142"));
        let (name, same) =
            over(json!({"voiceMode": null, "customTools": null, "name": null}), Some("A"), before.clone())
                .unwrap();
        assert_eq!((name.as_str(), &same), ("A", &before));
        let change = json!({"description": null, "customTools": [], "transferNumber": "", "voice": ""});
        let (_, after) = over(change, Some("A"), before.clone()).unwrap();
        assert_eq!((after.description, after.custom_tools, after.transfer_number), (None, None, None));
        assert_eq!(after.voice, FIRST_VOICE);
        assert_eq!(after.system_prompt, before.system_prompt);
        assert!(over(json!({"systemPrompt": null}), Some("A"), before).is_err(), "hosted still needs it");
    }

    #[test]
    fn a_stored_profile_is_read_back() {
        let text = serde_json::to_string(&Profile::default()).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&text).unwrap(), Profile::default());
        assert_eq!(serde_json::from_str::<Profile>("{}").unwrap(), Profile::default());
    }
}
