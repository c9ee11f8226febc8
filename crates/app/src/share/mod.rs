//! Shares: making and ending them, and the way in by a link, without a key (rest-api.md §7).
//!
//! A share reads with the rights that its maker has at the time of reading.

mod password;

use std::sync::Arc;

use boobook_engine::Snapshot;
use boobook_files::ByteRange;
use boobook_model::{Document, FileEntry, Principal, RecordId, Role, TableId};

pub(crate) use password::Passwords;

use crate::{
    App, AppError, FileDownload, Session, ShareChange, ShareEntry, ShareTarget, app::blocking,
    catalogue::NewShare,
};

/// What comes with a link to show that its password is known.
#[derive(Debug, Clone, Copy, Default)]
pub enum PasswordProof<'a> {
    /// Nothing.
    #[default]
    None,
    /// The password (header `nx-password`, or the form of the page).
    Password(&'a str),
    /// What [`Shared::pass`] gave when the password was right.
    Pass(&'a str),
}

/// Something that is shared, and the rights to read it with.
pub struct Shared {
    /// In the database, on behalf of the maker; it writes nothing.
    pub session: Session,
    /// What is shared.
    pub share: Arc<ShareEntry>,
}

impl Session {
    /// The share of a view or file.
    pub fn share(&self, target: &ShareTarget) -> Result<Arc<ShareEntry>, AppError> {
        self.require_admin()?;
        let view = self.app.catalogue.view();
        let share = view.share_of(self.database.id.as_str(), target);
        let share = share.filter(|share| !share.is_expired(self.app.host.now_ms()));
        share.cloned().ok_or(AppError::NotShared)
    }

    /// Shares a view or file, or changes how it is shared. Needs the admin role.
    pub async fn put_share(
        &self,
        target: ShareTarget,
        mut change: ShareChange,
    ) -> Result<Arc<ShareEntry>, AppError> {
        self.require_schema_writer()?;
        if change.expires_at_ms.flatten().is_some_and(|at| at <= self.app.host.now_ms()) {
            return Err(AppError::bad("expiresAt", "this is in the past"));
        }
        if let Some(Some(password)) = &mut change.password {
            *password = self.app.passwords.hash(password, &*self.app.host).await?;
        }
        let database = self.database.id.as_str();
        let team = {
            let view = self.app.catalogue.view();
            let entry = view.databases.iter().find(|entry| entry.id == database);
            entry.map(|entry| entry.team.clone()).ok_or(AppError::DatabaseNotFound)?
        };
        let new = NewShare {
            team,
            database: database.to_owned(),
            target,
            user: self.principal.user.to_string(),
            role: self.role.as_str().to_owned(),
        };
        let catalogue = Arc::clone(&self.app.catalogue);
        blocking(move || catalogue.put_share(&new, &change)).await
    }

    /// Ends a share; one that is not there is no error. Needs the admin role.
    pub async fn unshare(&self, target: ShareTarget) -> Result<(), AppError> {
        self.require_schema_writer()?;
        self.end_shares(move |known| *known == target).await
    }

    pub(crate) async fn end_shares(
        &self,
        is_ended: impl Fn(&ShareTarget) -> bool + Send + 'static,
    ) -> Result<(), AppError> {
        let (catalogue, database) = (Arc::clone(&self.app.catalogue), self.database.id.to_string());
        blocking(move || catalogue.end_shares(&database, is_ended).map(|_| ())).await
    }

    /// Ends the shares of a view, before it goes and after: none may come back with another view of that id.
    pub(crate) async fn end_shares_of_view(&self, id: &str) -> Result<(), AppError> {
        let id = id.to_owned();
        self.end_shares(move |target| matches!(target, ShareTarget::View { view, .. } if *view == id)).await
    }

    /// The view that a path names, of a table where it names one.
    pub fn shared_view(&self, id: &str, table: Option<&str>) -> Result<ShareTarget, AppError> {
        self.require_admin()?;
        let snapshot = self.snapshot();
        let of_table = match table {
            Some(key) => Some(self.table(&snapshot, key)?.id()),
            None => None,
        };
        let view = snapshot.schema.views.iter().find(|view| *view.id == *id);
        let table = view.and_then(|view| view.table).ok_or(AppError::ViewNotFound)?;
        if of_table.is_some_and(|named| named != table) {
            return Err(AppError::ViewNotFound);
        }
        Ok(ShareTarget::View { table, view: id.to_owned() })
    }

    /// The file of a record that a path names.
    pub async fn shared_file(
        &self,
        table: &str,
        record: RecordId,
        name: &str,
    ) -> Result<ShareTarget, AppError> {
        self.require_admin()?;
        let snapshot = self.snapshot();
        let access = self.readable_table(&snapshot, table)?;
        self.file(table, record, name).await?;
        Ok(ShareTarget::File { table: access.id(), record, name: name.to_owned() })
    }
}

impl App {
    /// The way in by a link. Whatever is wrong with it, it is not found, but for a password that is missing.
    pub async fn shared(&self, token: &str, proof: PasswordProof<'_>) -> Result<Shared, AppError> {
        let known = || {
            let view = self.inner().catalogue.view();
            let share = view.share(token).filter(|share| !share.is_expired(self.inner().host.now_ms()));
            share.cloned()
        };
        if let Some(looks) = &self.inner().looks {
            // One that another node has ended is dead here too.
            self.look(looks, None).await?;
        }
        let share = match known() {
            Some(share) => share,
            // It may have been made a moment ago, elsewhere.
            None if self.look_again().await => known().ok_or(AppError::ShareNotFound)?,
            None => return Err(AppError::ShareNotFound),
        };
        let principal = self.maker(&share).ok_or(AppError::ShareNotFound)?;
        self.require_password(&share, proof).await?;
        match self.session(&Arc::new(principal), &share.team, &share.database).await {
            Ok(session) => Ok(Shared { session, share }),
            Err(AppError::TeamNotFound | AppError::DatabaseNotFound) => Err(AppError::ShareNotFound),
            Err(other) => Err(other),
        }
    }

    async fn require_password(&self, share: &ShareEntry, proof: PasswordProof<'_>) -> Result<(), AppError> {
        let Some(hash) = &share.password else { return Ok(()) };
        let inner = self.inner();
        let is_right = match proof {
            PasswordProof::None => return Err(AppError::PasswordNeeded { wrong: false }),
            PasswordProof::Pass(pass) if password::is_pass(share, hash, pass, inner.host.now_ms()) => true,
            // It is from before the password was changed, or too old.
            PasswordProof::Pass(_) => return Err(AppError::PasswordNeeded { wrong: false }),
            PasswordProof::Password(text) => inner.passwords.is_right(&share.id, hash, text).await?,
        };
        if is_right { Ok(()) } else { Err(AppError::PasswordNeeded { wrong: true }) }
    }

    /// Who a share reads as: its maker, in the role that is left of the one it was made in.
    fn maker(&self, share: &ShareEntry) -> Option<Principal> {
        let view = self.inner().catalogue.view();
        let user = view.users.iter().find(|user| user.id == share.user)?;
        let role = share.role_now(user.role_in(&share.team))?;
        Some(Principal {
            user: share.user.parse().ok()?,
            key: share.id.parse().ok()?,
            teams: vec![(share.team.parse().ok()?, Role::new(role)?)],
            databases: Some(vec![share.database.parse().ok()?]),
            read_only: true,
            expires_at_ms: None,
        })
    }
}

impl Shared {
    /// The view that is shared, in a state; not found where it is gone, or its maker may not read its table any more.
    pub fn view(&self, snapshot: &Snapshot, table: TableId, id: &str) -> Result<Arc<Document>, AppError> {
        let views = &snapshot.schema.views;
        let view = views.iter().find(|view| *view.id == *id && view.table == Some(table));
        let access = self.session.table(snapshot, &table.to_string());
        let may_read = access.is_ok_and(|access| access.can_read);
        view.filter(|_| may_read).cloned().ok_or(AppError::ShareNotFound)
    }

    /// Opens a file of no record.
    pub async fn made(&self, file: &FileEntry, range: ByteRange) -> Result<FileDownload, AppError> {
        let content = self.session.content(file, range).await?;
        Ok(FileDownload { entry: file.clone(), content })
    }

    /// What is known of the file that is shared; not found where it is gone, or its maker may not see it any more.
    pub async fn file(&self, table: TableId, record: RecordId, name: &str) -> Result<FileEntry, AppError> {
        self.session.file(&table.to_string(), record, name).await.map_err(not_found)
    }

    /// Opens the file that is shared.
    pub async fn download(
        &self,
        table: TableId,
        record: RecordId,
        name: &str,
        range: ByteRange,
    ) -> Result<FileDownload, AppError> {
        self.session.download(&table.to_string(), record, name, range).await.map_err(not_found)
    }

    /// What a browser that gave the right password may show instead for some hours, and until when (ms since the epoch);
    /// `None` where there is no password. It holds on every node, and ends when the password is changed.
    pub fn pass(&self) -> Option<(String, i64)> {
        let hash = self.share.password.as_deref()?;
        Some(password::pass(&self.share, hash, self.session.app.host.now_ms()))
    }
}

/// Who comes by a link is not told why there is nothing.
fn not_found(error: AppError) -> AppError {
    match error {
        AppError::TableNotFound
        | AppError::Forbidden(_)
        | AppError::RecordNotFound { .. }
        | AppError::FileNotFound => AppError::ShareNotFound,
        other => other,
    }
}
