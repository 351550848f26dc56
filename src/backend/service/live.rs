//! What is true now and not kept: presence, the launcher's badge, health.

use super::{ServiceError, Services, unlinked};
use crate::{
    access::Action,
    backend::{
        bus::{Away, Beat, BusState, Online},
        caller::{Caller, Credentials},
    },
    domain::{MemberKind, PresenceStatus},
    ids::UserId,
    limits,
    wire::{Code, GetPresence, Health, Heartbeat, HeartbeatAck, Launcher, Presence, PresenceList},
};

/// Faces that a launcher shows.
const FACES: u16 = 3;

impl Services {
    /// Says that a client without a socket is there.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], [`Code::CompanyContextChanged`], [`Code::Forbidden`] for an API key.
    pub async fn heartbeat(
        &self,
        credentials: &Credentials,
        request: &Heartbeat,
    ) -> Result<HeartbeatAck, ServiceError> {
        let (caller, _) = self.open_person(credentials).await?;
        let beat = Beat { user: caller.user(), connection: request.connection_id, active: request.active };
        // Redis away: presence is unknown to everyone, and the next beat after its return repairs it.
        let _: Result<(), Away> = self.bus().presence_beat(caller.company(), &[beat]).await;
        Ok(HeartbeatAck { refresh_s: limits::PRESENCE_REFRESH_S, lease_s: limits::PRESENCE_LEASE_S })
    }

    /// Whether these people are there. People whom the caller may not meet are left out; without `presence:read` all are unknown.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`].
    pub async fn get_presence(
        &self,
        credentials: &Credentials,
        query: &GetPresence,
    ) -> Result<PresenceList, ServiceError> {
        let refuse = |detail: String| ServiceError::field(Code::InvalidQuery, "userIds", detail);
        let users = query
            .user_ids
            .split(',')
            .filter(|id| !id.is_empty())
            .map(|id| id.parse::<UserId>().map_err(|error| refuse(error.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        if users.is_empty() || users.len() > limits::PRESENCE_USERS_MAX {
            return Err(refuse(format!("must name 1 to {} people, separated by commas", limits::PRESENCE_USERS_MAX)));
        }
        let caller = self.open(credentials).await?;
        let guest = caller.member_kind() == MemberKind::External;
        let (met, seen) = {
            let mut tx = self.store().begin(&caller, "presence.get").await?;
            let met: Vec<UserId> =
                tx.person_get_many(guest, &users).await?.into_iter().map(|person| person.id).collect();
            let seen = tx.person_last_seen(&met).await?;
            (met, seen)
        };
        let now = self.now();
        let known = if caller.may(Action::PresenceRead, &unlinked()) {
            self.bus().presence_read(caller.company(), &met).await.ok()
        } else {
            None
        };
        let items = met
            .iter()
            .map(|user| {
                let change = known.as_ref().and_then(|known| known.iter().find(|change| change.user == *user));
                let status = match (change, &known) {
                    (Some(change), _) => change.status,
                    (None, Some(_)) => PresenceStatus::Offline,
                    (None, None) => PresenceStatus::Unknown,
                };
                let last_seen_at = seen
                    .iter()
                    .find(|(who, _)| who == user)
                    .map(|(_, at)| *at)
                    .filter(|_| status == PresenceStatus::Offline);
                Presence { user_id: *user, status, as_of: now, last_seen_at }
            })
            .collect();
        Ok(PresenceList { items })
    }

    /// What a collapsed widget shows.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], [`Code::CompanyContextChanged`], [`Code::Forbidden`] for an API key.
    pub async fn get_launcher(&self, credentials: &Credentials) -> Result<Launcher, ServiceError> {
        let (caller, _) = self.open_person(credentials).await?;
        let unread = self.store().conversation_unread_total(&caller).await?;
        let online = match (caller.may(Action::PresenceRead, &unlinked()), caller.member_kind()) {
            (false, _) => None,
            (true, MemberKind::Internal) => {
                self.bus().presence_online(caller.company(), caller.user(), FACES).await.ok()
            }
            (true, MemberKind::External) => self.met_online(&caller).await?,
        };
        let Some(online) = online else {
            return Ok(Launcher { unread, online: Vec::new(), online_count: 0, presence_known: false });
        };
        let people = self.faces(&caller, &online.users).await?;
        Ok(Launcher { unread, online: people, online_count: online.count, presence_known: true })
    }

    /// Who is online among those whom a guest meets: the count of the whole company is not theirs to know.
    async fn met_online(&self, guest: &Caller) -> Result<Option<Online>, ServiceError> {
        let people = {
            let mut tx = self.store().begin(guest, "launcher.met").await?;
            tx.person_list(true, None, u16::try_from(limits::PRESENCE_USERS_MAX).unwrap_or(u16::MAX)).await?
        };
        let others: Vec<UserId> =
            people.into_iter().map(|person| person.id).filter(|user| *user != guest.user()).collect();
        let Ok(known) = self.bus().presence_read(guest.company(), &others).await else { return Ok(None) };
        let mut users: Vec<UserId> = known
            .into_iter()
            .filter(|change| change.status == PresenceStatus::Online)
            .map(|change| change.user)
            .collect();
        let count = u32::try_from(users.len()).unwrap_or(u32::MAX);
        users.truncate(FACES.into());
        Ok(Some(Online { count, users }))
    }

    async fn faces(&self, caller: &Caller, users: &[UserId]) -> Result<Vec<crate::wire::Person>, ServiceError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let guest = caller.member_kind() == MemberKind::External;
        let mut tx = self.store().begin(caller, "launcher.faces").await?;
        Ok(tx.person_get_many(guest, users).await?)
    }

    /// Whether requests are served, and what is away.
    pub async fn health(&self) -> Health {
        let database = self.store().ping().await;
        let redis = self.bus().state() == BusState::Up;
        Health { ready: database, database, redis }
    }
}
