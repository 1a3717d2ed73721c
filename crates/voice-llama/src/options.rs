//! How an answer is drawn: the members of a chat request that say so, in the names of the protocol.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;

/// Models with fewer weights talk in circles without a penalty, and do not find an end.
const SMALL: u64 = 1_000_000_000;
const SMALL_PENALTY: f32 = 1.1;
const SMALL_ANSWER: usize = 512;
/// The protocol's 1.0 is made for models that are much larger than those that run here.
const TEMPERATURE: f32 = 0.7;
const TOP_K: i32 = 40;
const TOP_P: f32 = 0.95;
const MIN_P: f32 = 0.05;
/// How many stop texts the protocol allows.
const STOPS: usize = 4;

/// The part of a request that is read here; what is unknown is none of our business.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub top_k: Option<i32>,
    pub min_p: Option<f32>,
    pub seed: Option<i64>,
    pub max_tokens: Option<usize>,
    pub max_completion_tokens: Option<usize>,
    pub frequency_penalty: Option<f32>,
    pub presence_penalty: Option<f32>,
    pub repeat_penalty: Option<f32>,
    pub repetition_penalty: Option<f32>,
    pub stop: Option<Stop>,
    pub n: Option<u32>,
    pub logprobs: Option<bool>,
    pub response_format: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Stop {
    One(String),
    Several(Vec<String>),
}

/// How tokens are drawn, and when to stop.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// 0: always the likeliest token.
    pub temperature: f32,
    pub top_p: f32,
    pub top_k: i32,
    pub min_p: f32,
    pub seed: Option<u32>,
    pub max_tokens: Option<usize>,
    pub frequency_penalty: f32,
    pub presence_penalty: f32,
    /// 1: none.
    pub repeat_penalty: f32,
    /// Texts before which the answer ends.
    pub stop: Vec<String>,
    /// What the answer must look like, as a JSON schema.
    pub schema: Option<Value>,
}

impl Options {
    /// What is fitting for a model of so many weights when nothing is asked for.
    pub fn usual(weights: u64) -> Self {
        let small = weights < SMALL;
        Self {
            temperature: TEMPERATURE,
            top_p: TOP_P,
            top_k: TOP_K,
            min_p: MIN_P,
            seed: None,
            max_tokens: small.then_some(SMALL_ANSWER),
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            repeat_penalty: if small { SMALL_PENALTY } else { 1.0 },
            stop: Vec::new(),
            schema: None,
        }
    }

    /// The usual, with what `asked` says laid over it.
    pub(crate) fn read(asked: Asked, usual: &Self) -> Result<Self, Error> {
        if asked.n.is_some_and(|n| n != 1) {
            return Err(refuse("n: this model gives one answer at a time; ask again for another"));
        }
        if asked.logprobs == Some(true) {
            return Err(refuse("logprobs: this model does not tell probabilities"));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any number is a seed")]
        let seed = asked.seed.map(|seed| seed as u32);
        let stop = match asked.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Several(stops)) => stops,
        };
        if stop.len() > STOPS {
            return Err(refuse("stop: at most 4 texts"));
        }
        Ok(Self {
            temperature: between("temperature", asked.temperature, 0.0, 2.0, usual.temperature)?,
            top_p: between("top_p", asked.top_p, 0.0, 1.0, usual.top_p)?,
            top_k: asked.top_k.unwrap_or(usual.top_k).max(0),
            min_p: between("min_p", asked.min_p, 0.0, 1.0, usual.min_p)?,
            seed,
            max_tokens: asked.max_completion_tokens.or(asked.max_tokens).or(usual.max_tokens),
            frequency_penalty: between("frequency_penalty", asked.frequency_penalty, -2.0, 2.0, 0.0)?,
            presence_penalty: between("presence_penalty", asked.presence_penalty, -2.0, 2.0, 0.0)?,
            repeat_penalty: between(
                "repeat_penalty",
                asked.repeat_penalty.or(asked.repetition_penalty),
                0.1,
                10.0,
                usual.repeat_penalty,
            )?,
            stop: stop.into_iter().filter(|stop| !stop.is_empty()).collect(),
            schema: asked.response_format.as_ref().map(schema).transpose()?.flatten(),
        })
    }
}

fn refuse(message: &str) -> Error {
    Error::Refused(message.to_owned())
}

fn between(name: &str, asked: Option<f32>, least: f32, most: f32, usual: f32) -> Result<f32, Error> {
    let value = asked.unwrap_or(usual);
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Error::Refused(format!("{name} must be between {least} and {most}")))
}

/// The JSON schema that `response_format` asks for; free text has none.
fn schema(format: &Value) -> Result<Option<Value>, Error> {
    match format["type"].as_str() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(json!({ "type": "object" }))),
        Some("json_schema") => match &format["json_schema"]["schema"] {
            schema @ Value::Object(_) => Ok(Some(schema.clone())),
            _ => Err(refuse("response_format.json_schema.schema must be an object")),
        },
        _ => Err(refuse("response_format.type must be text, json_object or json_schema")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(asked: Value) -> Result<Options, Error> {
        Options::read(serde_json::from_value(asked).unwrap(), &Options::usual(135_000_000))
    }

    #[test]
    fn what_is_asked_for_wins() {
        let options = read(json!({
            "temperature": 0, "max_tokens": 7, "max_completion_tokens": 9, "stop": "END", "seed": -1,
            "response_format": { "type": "json_object" },
        }))
        .unwrap();
        assert_eq!((options.temperature, options.max_tokens), (0.0, Some(9)));
        assert_eq!((options.seed, options.stop), (Some(u32::MAX), vec!["END".to_owned()]));
        assert_eq!(options.schema, Some(json!({ "type": "object" })));
        assert_eq!(read(json!({})).unwrap(), Options::usual(135_000_000));
        assert_eq!(Options::usual(7_000_000_000).max_tokens, None);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for asked in [
            json!({ "temperature": 3 }),
            json!({ "n": 2 }),
            json!({ "logprobs": true }),
            json!({ "stop": ["a", "b", "c", "d", "e"] }),
            json!({ "response_format": { "type": "json_schema", "json_schema": { "schema": 7 } } }),
            json!({ "response_format": { "type": "yaml" } }),
        ] {
            assert!(matches!(read(asked.clone()), Err(Error::Refused(_))), "{asked}");
        }
    }
}
