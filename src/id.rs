//! Identifiers: a prefix that says what a thing is, then 26 lower-case Crockford base32 characters. Inside they
//! are ULIDs, so they sort by time and keep the hot end of an index small. Where the id is itself the permission
//! (hosted media) use [`Ids::secret`] instead. Nothing here touches a database.

use std::fmt;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, Time};

const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What has one spelling as text, in rows and on the wire: ids, numbers, the words of closed sets.
pub trait TextForm: Sized {
    /// `text` itself if it is not one of these.
    fn from_text_form(text: String) -> Result<Self, String>;
    fn text_form(&self) -> &str;
}

/// Declares one newtype per kind of id, each with its prefix.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, later than all earlier ones of the same generator.
            pub fn new(ids: &Ids) -> Self {
                Self(ids.next(Self::PREFIX))
            }

            /// Before all ids made at `moment` or later, and after those made before it.
            pub fn first_at(moment: Time) -> Self {
                Self(spelled(Self::PREFIX, moment.millis(), 0))
            }

            /// An id a client or a row named. It is opaque: one that names nothing is simply not found.
            pub fn from_text(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TextForm for $name {
            fn from_text_form(text: String) -> Result<Self, String> {
                Ok(Self(text))
            }

            fn text_form(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// An account: a project in the words of the dashboard.
    AccountId = "acct_";
    AgentId = "agt_";
    NumberId = "num_";
    ConversationId = "conv_";
    MessageId = "msg_";
    ReactionId = "rxn_";
    /// A reaction, typing sign, background or group name on its way out; the first and the third have ids of their
    /// own, which are then their act's too.
    ActId = "act_";
    GroupId = "grp_";
    WebhookId = "wh_";
    DeliveryId = "dlv_";
    EventId = "evt_";
    /// A program that follows an account's events.
    ListenerId = "lsn_";
    KeyId = "key_";
    MediaId = "med_";
    BackgroundId = "bg_";
    JobId = "job_";
    UsageId = "use_";
    RequestId = "req_";
    /// One run of one server process; leases name it.
    Incarnation = "inc_";
}

impl GroupId {
    /// The id of a group that was not started by us, from what its carrier calls it on `number`: the same in every
    /// process that hears of it, so that two of them open one thread. It says nothing about time.
    pub fn of(number: &NumberId, provider_id: &str) -> Self {
        let hash = Sha256::digest(format!("{number} {provider_id}"));
        let bits = hash.iter().take(16).fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        let first = i64::try_from(bits >> 80).expect("these are 48 bits");
        Self(spelled(Self::PREFIX, first, bits))
    }
}

/// The source of ids and of every other random value. Seeded in tests, so that a failing run can be repeated.
#[derive(Clone)]
pub struct Ids {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

struct State {
    rng: StdRng,
    last_millis: i64,
    last_random: u128,
}

impl Ids {
    /// Ids from the operating system's randomness.
    pub fn from_system(clock: Clock) -> Self {
        Self::with(clock, StdRng::try_from_rng(&mut rand::rngs::SysRng).expect("the system has randomness"))
    }

    /// Repeatable ids, for tests.
    pub fn from_seed(clock: Clock, seed: u64) -> Self {
        Self::with(clock, StdRng::seed_from_u64(seed))
    }

    fn with(clock: Clock, rng: StdRng) -> Self {
        Self { clock, state: Arc::new(Mutex::new(State { rng, last_millis: 0, last_random: 0 })) }
    }

    /// `prefix` + a ULID that is greater than every one before it.
    fn next(&self, prefix: &str) -> String {
        let now = self.clock.now().millis();
        let mut state = self.state.lock().expect("id generation does not panic");
        if now > state.last_millis {
            state.last_millis = now;
            state.last_random =
                u128::from(state.rng.next_u64()) << 16 | u128::from(state.rng.next_u32() & 0xffff);
            // Head-room, so that counting up within one millisecond cannot overflow 80 bits.
            state.last_random &= (1 << 79) - 1;
        } else {
            state.last_random += 1 + u128::from(state.rng.next_u32());
        }
        let (millis, random) = (state.last_millis, state.last_random);
        drop(state);
        spelled(prefix, millis, random)
    }

    /// 26 base32 characters of 130 cryptographically random bits, for what is itself a permission.
    pub fn secret(&self) -> String {
        self.characters(BASE32, 26)
    }

    /// `length` random base62 characters, for API keys.
    pub fn base62(&self, length: usize) -> String {
        self.characters(BASE62, length)
    }

    /// `N` random bytes, for signing secrets.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.state.lock().expect("id generation does not panic").rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A number in `0.0..1.0`, for jitter.
    pub fn fraction(&self) -> f64 {
        self.state.lock().expect("id generation does not panic").rng.random()
    }

    fn characters(&self, alphabet: &[u8], length: usize) -> String {
        let mut state = self.state.lock().expect("id generation does not panic");
        (0..length).map(|_| char::from(alphabet[state.rng.random_range(0..alphabet.len())])).collect()
    }
}

/// `prefix` + the ULID of a moment, in milliseconds, and 80 bits that are random.
fn spelled(prefix: &str, millis: i64, random: u128) -> String {
    let millis = u128::from(millis.max(0).unsigned_abs()) & ((1 << 48) - 1);
    let value = millis << 80 | random & ((1 << 80) - 1);
    let mut text = String::with_capacity(prefix.len() + 26);
    text.push_str(prefix);
    for place in (0..26).rev() {
        text.push(char::from(BASE32[(value >> (place * 5)) as usize & 31]));
    }
    text
}

/// CRC32 of `text` as six base62 characters: the checksum at the end of an API key.
pub fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % 62];
        rest /= 62;
    }
    digits.iter().map(|byte| char::from(*byte)).collect()
}
