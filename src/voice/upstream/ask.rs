//! Asks one upstream after another until one answers. Once an answer has begun (`opening`), nobody else is asked.

use hyper::StatusCode;

use super::super::Fault;
use super::Model;
use super::answer::Answered;
use super::error::Said;
use super::lease::Lease;
use super::opening::{NoAnswer, opening};
use super::relay::{Form, Relay};
use super::request::Call;
use super::server::Silence;
use crate::net::retry_after;

/// How much of an error's body is read.
const ERROR_BODY: usize = 64 * 1024;

/// How long an upstream rests that says it is too busy and not for how long, and the longest it is left alone for it.
const REST: u64 = 1;
const LONGEST_REST: u64 = 60;

/// An attempt that came to nothing.
pub(super) enum Setback {
    /// Another upstream may do better.
    Elsewhere(Fault),
    Final(Fault),
}

impl Setback {
    /// For where nobody else can be asked any more.
    pub fn fault(self) -> Fault {
        let (Elsewhere(fault) | Final(fault)) = self;
        fault
    }
}

use Setback::{Elsewhere, Final};

impl Model {
    /// What the first upstream that can answer answers to `call`, as soon as it has begun.
    pub(super) async fn ask(&self, call: &Call, form: Form) -> Result<Relay, Fault> {
        let (mut tried, mut last) = (Vec::new(), None);
        while tried.len() < self.0.upstreams.len() {
            let lease = match self.room(&tried).await {
                Ok(lease) => lease,
                Err(fault) => return Err(last.unwrap_or(fault)),
            };
            tried.push(lease.place());
            match self.attempt(lease, call, form).await {
                Ok(relay) => return Ok(relay),
                Err(Final(fault)) => return Err(fault),
                Err(Elsewhere(fault)) => last = Some(fault),
            }
        }
        Err(last.unwrap_or_else(|| self.failed("it has no upstream")))
    }

    async fn attempt(&self, lease: Lease, call: &Call, form: Form) -> Result<Relay, Setback> {
        let patience = self.0.settings.timeout;
        let server = std::sync::Arc::clone(lease.server());
        match server.ask(call, self.0.key.as_ref(), patience).await {
            Ok(answered) if answered.status.is_success() => self.begin(lease, answered, form).await,
            Ok(answered) => Err(self.turned_down(lease, answered).await),
            Err(silence) => Err(self.silent(lease, &silence)),
        }
    }

    /// An answer is one when it has the right form and begins well.
    async fn begin(&self, lease: Lease, answered: Answered, form: Form) -> Result<Relay, Setback> {
        let content_type = answered.content_type();
        let (headers, mut body) = (answered.headers, answered.body);
        if !form.is(&content_type) {
            return Err(Elsewhere(
                self.upset(lease, "the upstream answered with something else than was asked for"),
            ));
        }
        match opening(&mut body, form, self.0.settings.timeout).await {
            Ok(first) => Ok(Relay::new(self.clone(), lease, form, headers, content_type, first, body)),
            Err(NoAnswer::Nonsense) => {
                Err(Elsewhere(self.upset(lease, "the upstream's answer makes no sense")))
            }
            Err(NoAnswer::Error(said)) => Err(self.judged(lease, said.status(), said, None)),
            Err(NoAnswer::BrokenOff(why)) => {
                let fault = self.upset(lease, why.words());
                Err(if why.is_slowness() { Final(fault) } else { Elsewhere(fault) })
            }
        }
    }

    fn silent(&self, lease: Lease, silence: &Silence) -> Setback {
        tracing::debug!(model = self.0.settings.name, %silence, "an upstream does not answer");
        match silence {
            Silence::Unreachable(_) => Elsewhere(self.upset(lease, "the upstream cannot be reached")),
            Silence::Broken(_) => Elsewhere(self.upset(lease, "the upstream broke off before it answered")),
            // It may still be at work: asking another would only double it.
            Silence::TooSlow => Final(self.upset(lease, "the upstream took too long")),
        }
    }

    /// What an answer means that is no success.
    async fn turned_down(&self, lease: Lease, answered: Answered) -> Setback {
        let now = lease.server().clock.now();
        let wait = retry_after(&answered.headers, now).map(|wait| wait.as_secs());
        let said = Said::read(&answered.body.beginning(ERROR_BODY).await);
        self.judged(lease, answered.status, said, wait)
    }

    /// What an error means, told as an answer or as an event of one, and for whom it counts. `wait`: the seconds for which
    /// it asks to be left alone.
    pub(super) fn judged(&self, lease: Lease, status: StatusCode, said: Said, wait: Option<u64>) -> Setback {
        if said.is_about_length() {
            lease.succeeded();
            return Final(self.refused(said, status));
        }
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::rest(lease, wait.unwrap_or(REST)),
            StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => Self::rest(lease, wait.unwrap_or(REST)),
            // The key and the model's name there are the operator's, not the caller's.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PAYMENT_REQUIRED => {
                Elsewhere(self.upset(lease, "the upstream does not accept our key"))
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                Elsewhere(self.upset(lease, "the upstream has no such model or no such door"))
            }
            StatusCode::REQUEST_TIMEOUT => Elsewhere(self.upset(lease, "the upstream took too long")),
            status if status.is_client_error() => {
                lease.succeeded();
                Final(self.refused(said, status))
            }
            status if status.is_redirection() => {
                Elsewhere(self.upset(lease, "the upstream points elsewhere, which is not followed"))
            }
            _ => Elsewhere(self.broke_down(lease, said)),
        }
    }

    /// One that says it has too much to do is left alone for as long as it asks. Our own child speaks for one of its
    /// models only.
    fn rest(lease: Lease, seconds: u64) -> Setback {
        let seconds = seconds.clamp(1, LONGEST_REST);
        if !lease.server().address.is_child() {
            let until = lease.server().clock.now() + std::time::Duration::from_secs(seconds);
            lease.rests(until);
        }
        Elsewhere(Fault::Busy { seconds })
    }

    /// A 5xx. Our own child tells what went wrong in words for callers.
    fn broke_down(&self, lease: Lease, said: Said) -> Fault {
        let is_child = lease.server().address.is_child();
        let fault = self.upset(lease, "the upstream failed");
        match said.message {
            Some(message) if is_child => Fault::Failed { message },
            Some(_) | None => fault,
        }
    }
}
