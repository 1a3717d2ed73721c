//! How we sign what we send: the three schemes that receivers check, and the secret they share with us. All are
//! HMAC-SHA256 (RFC 2104) over the exact bytes of the body. Checking a signature is the receiver's part.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::id::Ids;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// The secret of one webhook: `whsec_` and 32 bytes in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    text: String,
    key: [u8; 32],
}

/// A text that is no secret. Does not repeat it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a webhook secret is whsec_ and 32 bytes in base64")]
pub struct NoSecret;

impl Secret {
    pub fn new(ids: &Ids) -> Self {
        let key = ids.bytes();
        Self { text: format!("{PREFIX}{}", STANDARD.encode(key)), key }
    }

    pub fn parse(text: &str) -> Result<Self, NoSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(NoSecret)?;
        let decoded = STANDARD.decode(encoded).map_err(|_| NoSecret)?;
        let key = decoded.try_into().map_err(|_| NoSecret)?;
        Ok(Self { text: text.to_owned(), key })
    }

    /// The secret itself, for its row and for its owner; never for a log.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `X-Webhook-Signature`: `timestamp` (unix seconds, as in `X-Webhook-Timestamp`), a dot and the body.
pub fn webhook(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    let mac = sign(secret.text.as_bytes(), &[timestamp.to_string().as_bytes(), b".", body]);
    format!("sha256={}", hex::encode(mac))
}

/// `X-AgentPhone-Signature`: the body alone, in lower-case hex.
pub fn number(secret: &Secret, body: &[u8]) -> String {
    hex::encode(sign(secret.text.as_bytes(), &[body]))
}

/// The body of a number webhook: `object`, the text of a JSON object, with its own signature as last key.
pub fn with_signature(secret: &Secret, object: &str) -> String {
    let signature = number(secret, object.as_bytes());
    let fields = object.strip_suffix('}').expect("the body is a JSON object without space after it");
    let comma = if fields.ends_with('{') { "" } else { "," };
    format!("{fields}{comma}\"signature\":\"{signature}\"}}")
}

/// `webhook-signature` of Standard Webhooks: one for each of `secrets`, the newest first, so that a receiver may
/// change to the new one when it likes.
pub fn standard(secrets: &[&Secret], webhook_id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let signed = [webhook_id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let signatures =
        secrets.iter().map(|secret| format!("v1,{}", STANDARD.encode(sign(&secret.key, &signed))));
    signatures.collect::<Vec<_>>().join(" ")
}

fn sign(key: &[u8], message: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in message {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, Time};

    const TIMESTAMP: i64 = 1_772_442_847;
    const UNSIGNED: &str = r#"{"event":"message.inbound","channel":"sms","from":"+14155550142","to":"+12065550199","body":"Où est ma commande / order?","media":[],"timestamp":"2026-03-02T09:14:07.120Z","message_id":"msg_7k2m9x4t"}"#;

    fn secret() -> Secret {
        Secret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap()
    }

    #[test]
    fn number_webhooks_match_the_vectors() {
        let body = with_signature(&secret(), UNSIGNED);
        assert!(body.ends_with(
            r#","signature":"a852516a91ff5a036d438b3e2d3d669c077fc486aa6ea82b7f30bd79f234b3b0"}"#
        ));
        assert_eq!(body.len(), 280);
        let header = "32e66152224e458a5c8f5e9cce27fea22033f73a79f1c56b79c5de55d2b5612e";
        assert_eq!(number(&secret(), body.as_bytes()), header);
        let standard_header = "v1,Sg9eqiW29AbtNtSCzpM/kA6CKNonWl4upSHGYjLrEqs=";
        assert_eq!(standard(&[&secret()], "dlv_5r8w1c6q", TIMESTAMP, body.as_bytes()), standard_header);
    }

    #[test]
    fn timestamped_webhooks_match_the_vector() {
        let body = r#"{"event":"agent.message","channel":"sms","timestamp":"2026-03-02T09:14:07.120Z","agentId":null,"data":{}}"#;
        let header = "sha256=73d3b28cdf109507a6224def515f67c69dc5c7ad5b7be2681245b7b80a04e168";
        assert_eq!(webhook(&secret(), TIMESTAMP, body.as_bytes()), header);
    }

    #[test]
    fn while_a_secret_rotates_both_sign() {
        let ids = Ids::from_seed(Clock::manual(Time::from_millis(0)), 7);
        let (old, new) = (secret(), Secret::new(&ids));
        let one = |secret: &Secret| standard(&[secret], "dlv_1", 1, b"{}");
        assert_eq!(standard(&[&new, &old], "dlv_1", 1, b"{}"), format!("{} {}", one(&new), one(&old)));
        assert_ne!(one(&new), one(&old));
    }

    #[test]
    fn a_secret_is_read_back_and_never_shown() {
        let ids = Ids::from_seed(Clock::manual(Time::from_millis(0)), 7);
        let made = Secret::new(&ids);
        assert_eq!(Secret::parse(made.expose()), Ok(made.clone()));
        assert_ne!(Secret::new(&ids), made);
        assert_eq!(format!("{made:?}"), "Secret(…)");
        for text in ["", "whsec_", "whsec_AAEC", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "whsec_!"] {
            assert_eq!(Secret::parse(text), Err(NoSecret));
        }
    }

    #[test]
    fn an_empty_object_gets_no_comma() {
        assert!(with_signature(&secret(), "{}").starts_with("{\"signature\":\""));
    }
}
