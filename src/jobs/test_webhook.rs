//! A test of an endpoint: an event like a real one, signed and logged like a real one, sent once, without
//! retries. A reply in the response sends nothing.

use serde_json::json;

use crate::app::App;
use crate::channel::Channel;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{ConversationId, DeliveryId, EventId, MessageId};
use crate::phone::attempts::{self, Outcome};
use crate::phone::deliveries::{self, Draft};
use crate::phone::events::Kind;
use crate::phone::idempotency::{self, Use};
use crate::phone::webhooks::{Scope, Webhook};
use crate::signature;

use super::deliver_webhook::{self, Attempt};

/// What the test message says.
#[derive(Clone, Debug)]
pub struct Sample {
    pub from: String,
    pub to: String,
    pub message: String,
    pub channel: String,
    pub number_id: Option<String>,
    pub agent_id: Option<String>,
}

/// How the endpoint took it.
#[derive(Clone, Debug)]
pub struct Tested {
    /// Where the attempt is logged.
    pub delivery: DeliveryId,
    pub success: bool,
    pub http_status: Option<i64>,
    pub error: Option<String>,
    pub response_millis: i64,
    pub response_body: Option<String>,
}

/// Sends `sample` to `webhook` now; `key` is taken in the unit that logs it. It goes on when who asked for it leaves: what
/// is logged has an end.
pub async fn run(app: &App, webhook: Webhook, sample: Sample, key: Option<Use>) -> Result<Tested> {
    let here = app.clone();
    let testing = app.tasks.spawn(async move { test(&here, webhook, &sample, key).await });
    testing.await.unwrap_or_else(|error| Err(anyhow::anyhow!("the test broke off: {error}").into()))
}

async fn test(app: &App, webhook: Webhook, sample: &Sample, key: Option<Use>) -> Result<Tested> {
    let attempt = begun(app, webhook, sample, key).await?;
    let posted = deliver_webhook::post(app, &attempt).await;
    let ended = deliver_webhook::ended(app, &attempt, &posted);
    let tested = Tested {
        delivery: attempt.delivery.clone(),
        success: ended.error.is_none(),
        http_status: ended.http_status,
        error: ended.error.clone(),
        response_millis: ended.millis,
        response_body: ended.response_body.clone(),
    };
    let unit = move |tx: &mut Tx<'_>| {
        attempts::end_all(tx, &[Outcome { ended: &ended, reply: None, reply_error: None }])
    };
    app.db.record(unit).await?;
    Ok(tested)
}

/// Logs the delivery and its attempt, before anything is sent.
async fn begun(app: &App, webhook: Webhook, sample: &Sample, key: Option<Use>) -> Result<Attempt> {
    let now = app.clock.now();
    let (id, event) = (DeliveryId::new(&app.ids), EventId::new(&app.ids));
    let kind = if webhook.scope == Scope::Number { Kind::MessageInbound } else { Kind::AgentMessage };
    let payload = payload(app, &webhook, sample, kind);
    let (delivery, account, endpoint) = (id.clone(), webhook.account_id.clone(), webhook.id.clone());
    let (body, channel) = (payload.clone(), sample.channel.clone());
    let unit = move |tx: &mut Tx<'_>| {
        key.as_ref().map_or(Ok(()), |key| idempotency::take(tx, key, delivery.as_str(), None, now))?;
        let draft = Draft {
            id: &delivery,
            account: &account,
            event: &event,
            webhook: &endpoint,
            message: None,
            kind,
            channel: &channel,
            test: true,
            payload: Some(&body),
            now,
        };
        deliveries::insert_all(tx, &[draft])?;
        let begun = attempts::begin_all(tx, &[(&delivery, &body)], now)?;
        Ok(begun.get(&delivery).copied().unwrap_or(1))
    };
    let number = app.db.write(unit).await?;
    Ok(Attempt { delivery: id, webhook, kind, message: None, test: true, payload, number })
}

fn payload(app: &App, webhook: &Webhook, sample: &Sample, kind: Kind) -> String {
    let (now, message) = (app.clock.now(), MessageId::new(&app.ids));
    if kind == Kind::MessageInbound {
        let body = crate::json::stringify(&json!({
            "event": kind,
            "channel": sample.channel,
            "from": sample.from,
            "to": sample.to,
            "body": sample.message,
            "media": [],
            "timestamp": now,
            "message_id": message,
        }));
        return signature::with_signature(&webhook.secret, &body);
    }
    let history = json!([{"messageId": message, "content": sample.message, "direction": "inbound",
                          "channel": sample.channel, "at": now}]);
    crate::json::stringify(&json!({
        "event": kind,
        "channel": sample.channel,
        "timestamp": now,
        "agentId": sample.agent_id,
        "test": true,
        "data": {
            "messageId": message,
            "conversationId": ConversationId::new(&app.ids),
            "numberId": sample.number_id,
            "from": sample.from,
            "to": sample.to,
            "contact": null,
            "message": sample.message,
            "mediaUrl": null,
            "mediaUrls": [],
            "direction": "inbound",
            "receivedAt": now,
            "externalId": null,
            "replyTo": null,
        },
        "conversationState": {"testMode": true},
        "recentHistory": if webhook.context_limit > 0 { history } else { json!([]) },
    }))
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            from: "+15555550100".to_owned(),
            to: "+15555550199".to_owned(),
            message: "This is a test message from AgentPhone.".to_owned(),
            channel: Channel::Sms.to_string(),
            number_id: None,
            agent_id: None,
        }
    }
}
