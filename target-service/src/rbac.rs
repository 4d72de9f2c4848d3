//! The user path's question: may this user do that? Three ways to answer it, at very different prices.

mod permission;
pub(crate) mod user;

use gateway_config::Rbac;

use crate::store::{Down, Store};
use user::User;

pub(crate) use permission::Permission;

/// Whether the user holds the permission. Unknown users hold none; while the store is down nobody is known to.
pub(crate) async fn allows(
    mode: Rbac,
    store: &Store,
    user: &[u8],
    permission: Permission,
) -> Result<bool, Down> {
    Ok(match mode {
        Rbac::Off => true,
        Rbac::Bitmask => store
            .user_mask(user)
            .await?
            .is_some_and(|mask| mask & permission.bit() != 0),
        Rbac::Json => {
            let Some(object) = store.user_object(user).await? else {
                return Ok(false);
            };
            match serde_json::from_slice::<User>(&object) {
                Ok(user) => user.holds(permission.name()),
                Err(error) => {
                    tracing::error!(%error, "a stored user object cannot be read, its user is refused");
                    false
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use gateway_config::Config;

    #[tokio::test]
    async fn every_way_gives_the_same_answer() {
        let store = Store::open(
            &Config {
                user_kib: 4,
                ..Config::default()
            },
            0,
            Metrics::new().store.clone(),
        )
        .unwrap();
        for (user, read, write) in [
            ("demo", true, true),
            ("operator", true, true),
            ("viewer", true, false),
            ("suspended", false, false),
            ("nobody", false, false),
        ] {
            for mode in [Rbac::Json, Rbac::Bitmask] {
                assert_eq!(
                    allows(mode, &store, user.as_bytes(), Permission::Read).await,
                    Ok(read),
                    "{user} {mode:?}"
                );
                assert_eq!(
                    allows(mode, &store, user.as_bytes(), Permission::Write).await,
                    Ok(write),
                    "{user} {mode:?}"
                );
            }
            assert_eq!(
                allows(Rbac::Off, &store, user.as_bytes(), Permission::Write).await,
                Ok(true)
            );
        }
    }
}
