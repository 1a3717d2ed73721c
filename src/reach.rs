//! How people can be reached: asked of the carrier of a number that could write to them, and remembered for a while.
//! The carrier is asked between units of work, never inside one.

use std::time::Duration;

use crate::address::Address;
use crate::app::App;
use crate::carriers::{Answer, Connection, Question};
use crate::db::Tx;
use crate::error::{Code, Error, Result};
use crate::id::AccountId;
use crate::phone::lines;
use crate::phone::messages::send::{Draft, Recipient};
use crate::phone::messages::senders;
use crate::phone::reaches::{self, Reach};

/// How long the carrier may think about it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the account can reach a person: as it is remembered, else as the carrier says now.
pub async fn look_up(app: &App, account: AccountId, address: &Address) -> Result<Reach> {
    let (now, text) = (app.clock.now(), address.as_str().to_owned());
    let since = now - Duration::from_mins(u64::from(app.config.imessage.capability_minutes));
    let (owner, person) = (account.clone(), text.clone());
    let look = move |tx: &mut Tx<'_>| {
        Ok((reaches::known(tx, &owner, &person, since)?, lines::first_imessage(tx, &owner)?))
    };
    let (known, line) = app.db.read(look).await?;
    if let Some(known) = known {
        return Ok(known);
    }
    let (from, carrier) = line.unzip();
    let knowing = match carrier {
        Some(carrier) => app.carrier(&carrier),
        None => {
            app.carrier_order.iter().filter_map(|name| app.carrier(name)).find(|it| it.capabilities.imessage)
        }
    };
    let answer = match knowing {
        Some(connection) => ask(connection, from, &text).await,
        None => None,
    };
    let Some((imessage, sms)) = answer else {
        let sms = matches!(address, Address::Phone(_) | Address::ShortCode(_));
        return Ok(Reach { imessage: false, sms, checked_at: now });
    };
    let reach = Reach { imessage, sms, checked_at: now };
    app.db.write(move |tx| reaches::remember(tx, &account, &text, reach)).await?;
    Ok(reach)
}

/// iMessage and SMS, as the carrier knows; `None` if it cannot tell.
async fn ask(connection: &Connection, from: Option<String>, address: &str) -> Option<(bool, bool)> {
    let question = Question::Reach { from, address: address.to_owned() };
    match tokio::time::timeout(PATIENCE, connection.carrier.ask(question)).await {
        Ok(Answer::Reach { imessage, sms }) => Some((imessage, sms)),
        Ok(Answer::Message(_) | Answer::Number(_) | Answer::NoNumber | Answer::Done | Answer::CannotTell)
        | Err(_) => None,
    }
}

/// Refuses a message that only iMessage could carry where somebody it is for is not there: a new group, and an
/// e-mail address. Where the carrier cannot tell, the hand-over will.
pub async fn refuse_absent(app: &App, draft: &Draft) -> Result<()> {
    let people: Vec<&Address> = match &draft.to {
        Recipient::One(person @ Address::Email(_)) => vec![person],
        Recipient::One(Address::Phone(_) | Address::ShortCode(_) | Address::Group(_)) => return Ok(()),
        Recipient::NewGroup(_, people) => people.iter().collect(),
    };
    let (account, sender) = (draft.account.clone(), draft.sender.clone());
    let line = app.db.read(move |tx| senders::line(tx, &account, &sender)).await?;
    let Some(connection) = app.carrier(&line.carrier).filter(|_| line.is_imessage) else { return Ok(()) };
    let asked = people.iter().map(|person| ask(connection, Some(line.e164.clone()), person.as_str()));
    let answers = futures_util::future::join_all(asked).await;
    let absent = people.iter().zip(answers).find(|(_, answer)| matches!(answer, Some((false, _))));
    match absent {
        Some((person, _)) => {
            let message = format!("{person} is not on iMessage, and nothing else can carry this message");
            Err(Error::refused(Code::ChannelNotSupported, message))
        }
        None => Ok(()),
    }
}
