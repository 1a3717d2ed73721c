//! `agentphone project …` and `agentphone key …`: they work while the server runs, on the same database.

use anyhow::{anyhow, bail};

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::id::{AccountId, Ids, KeyId};
use crate::phone::{accounts, keys, sign_ins};
use crate::server;

/// The database beside a running server, and what ids and times are made with.
pub struct Desk {
    db: Db,
    ids: Ids,
    clock: Clock,
}

fn fault(error: crate::error::Error) -> anyhow::Error {
    match error {
        crate::error::Error::Internal(error) => error,
        other => anyhow!("{other}"),
    }
}

impl Desk {
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let ids = Ids::from_system(clock.clone());
        let db = Db::open_beside(server::location(config), ids.clone()).await?;
        Ok(Self { db, ids, clock })
    }

    /// Makes an account; prints its id.
    pub async fn create_project(&self, name: &str) -> anyhow::Result<()> {
        let account = accounts::draft(&self.ids, name, self.clock.now());
        let id = account.id.clone();
        self.db.write(move |tx| accounts::create(tx, &account)).await.map_err(fault)?;
        println!("{id}");
        Ok(())
    }

    /// Prints every account: id, creation, name.
    pub async fn list_projects(&self) -> anyhow::Result<()> {
        for account in self.db.read(accounts::list).await.map_err(fault)? {
            println!("{}  {}  {}", account.id, account.created_at, account.name);
        }
        Ok(())
    }

    /// Prints a link that signs in to the dashboard of `project` once, or of the only one there is.
    pub async fn link(&self, project: Option<String>, config: &Config) -> anyhow::Result<()> {
        let account = self.project(project).await?;
        let token = self.ids.secret();
        let (hash, now) = (sign_ins::hash(&token), self.clock.now());
        self.db.write(move |tx| sign_ins::create_link(tx, &hash, &account, now)).await.map_err(fault)?;
        let listen = || format!("http://{}", config.listen);
        let origin = if config.public_url.is_empty() { listen() } else { config.public_url.clone() };
        println!("{}/sign-in?token={token}", origin.trim_end_matches('/'));
        Ok(())
    }

    /// Makes a key of `project`, or of the only one there is; prints it, alone and once.
    pub async fn create_key(&self, name: &str, project: Option<String>) -> anyhow::Result<()> {
        let account = self.project(project).await?;
        let key = keys::mint(&self.ids);
        let (id, name, minted, now) = (KeyId::new(&self.ids), name.to_owned(), key.clone(), self.clock.now());
        self.db.write(move |tx| keys::create(tx, &id, &account, &name, &minted, now)).await.map_err(fault)?;
        println!("{key}");
        Ok(())
    }

    async fn project(&self, project: Option<String>) -> anyhow::Result<AccountId> {
        let all = self.db.read(accounts::list).await.map_err(fault)?;
        match project {
            Some(id) => match all.into_iter().find(|account| account.id.as_str() == id) {
                Some(account) => Ok(account.id),
                None => bail!("there is no project {id}; see `agentphone project list`"),
            },
            None if all.len() == 1 => Ok(all[0].id.clone()),
            None if all.is_empty() => {
                bail!("there is no project yet; `agentphone project create --name NAME` makes one")
            }
            None => bail!("there are several projects; name one with --project"),
        }
    }

    /// Prints every key: id, project, last four characters, last use, state, name.
    pub async fn list_keys(&self) -> anyhow::Result<()> {
        for key in self.db.read(keys::list).await.map_err(fault)? {
            let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {at}"));
            let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
            println!("{}  {}  agp_…{}  {used}  {state}  {}", key.id, key.account_id, key.hint, key.name);
        }
        Ok(())
    }

    pub async fn revoke_key(&self, id: &str) -> anyhow::Result<()> {
        let (id, now) = (KeyId::from_text(id), self.clock.now());
        let wanted = id.clone();
        if self.db.write(move |tx| keys::revoke(tx, &wanted, now)).await.map_err(fault)? {
            println!("{id} is revoked");
            return Ok(());
        }
        bail!("there is no key {id} in use; see `agentphone key list`")
    }
}
