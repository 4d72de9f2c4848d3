//! Devices and their credentials, made from a seed. Secrets leave this module only as bytes of a request
//! or as bcrypt hashes.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::random;

/// A fleet of devices as planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// Unique within the scenario.
    pub name: String,
    /// Number of devices, at least 1.
    pub devices: u32,
    /// Number of distinct secrets, 1 to `devices`; device i has secret i modulo this.
    pub secrets: u32,
    /// Who sends the n-th request.
    pub order: Order,
    /// Seed of the ids' order and of the secrets.
    pub seed: u64,
    /// Whether the secrets that are sent are the registered ones.
    pub credentials: Credentials,
}

/// Order in which devices send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Order {
    /// One after the other.
    RoundRobin,
    /// Each request from a device drawn at random.
    Uniform,
    /// Drawn with probability proportional to 1 / rank^exponent.
    Zipf(f64),
}

/// What a fleet's devices send as their secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The registered secret.
    Valid,
    /// A new wrong secret with every request: a fleet of attackers.
    Invalid,
}

/// Bytes of a secret as it is sent: 32 hexadecimal digits, within bcrypt's 72 bytes.
const SECRET_LEN: usize = 32;

/// Salts that keep the uses of a fleet's seed apart.
const SECRET_SALT: u64 = 0x5EC2_E700;
const ORDER_SALT: u64 = 0x02DE_2000;
const BCRYPT_SALT: u64 = 0xBC21_9700;

/// A fleet's ids and secrets, ready to be sent.
pub struct Roster {
    plan: Fleet,
    ids: Vec<Box<[u8]>>,
    secrets: Vec<[u8; SECRET_LEN]>,
    /// Cumulative probabilities by rank, for the Zipf order alone.
    cumulative: Vec<f64>,
}

/// One device as the sender of a request.
#[derive(Clone, Copy)]
pub struct Device<'a> {
    /// Its place in the fleet, from 0.
    pub index: usize,
    /// Its id as it is sent.
    pub id: &'a [u8],
    secret: Secret<'a>,
}

#[derive(Clone, Copy)]
enum Secret<'a> {
    Known(&'a [u8]),
    Wrong { seed: u64 },
}

impl Device<'_> {
    /// Appends the secret of request `n`.
    pub(super) fn append_secret(&self, n: u64, out: &mut Vec<u8>) {
        match self.secret {
            Secret::Known(bytes) => out.extend_from_slice(bytes),
            Secret::Wrong { seed } => out.extend_from_slice(&hex_secret(seed ^ 0xBAD0_BAD0, n)),
        }
    }

    #[cfg(test)]
    pub(super) fn fixed<'a>(id: &'a [u8], secret: &'a [u8]) -> Device<'a> {
        Device {
            index: 0,
            id,
            secret: Secret::Known(secret),
        }
    }
}

impl Roster {
    /// Makes the fleet's ids and secrets: `devices` ids and `secrets` secrets are kept in memory.
    pub fn new(plan: &Fleet) -> Self {
        let width = (plan.devices.max(2) - 1).to_string().len().max(4);
        let ids = (0..plan.devices)
            .map(|i| format!("{}-{i:0width$}", plan.name).into_bytes().into())
            .collect();
        let secrets = (0..plan.secrets)
            .map(|i| hex_secret(plan.seed, u64::from(i)))
            .collect();
        let mut cumulative = Vec::new();
        if let Order::Zipf(exponent) = plan.order {
            let mut sum = 0.0;
            cumulative.extend((1..=plan.devices).map(|rank| {
                sum += f64::from(rank).powf(-exponent);
                sum
            }));
            cumulative.iter_mut().for_each(|value| *value /= sum);
        }
        Self {
            plan: plan.clone(),
            ids,
            secrets,
            cumulative,
        }
    }

    /// Number of devices.
    pub fn devices(&self) -> usize {
        self.ids.len()
    }

    /// Bytes of every id.
    pub(super) fn id_width(&self) -> usize {
        self.ids[0].len()
    }

    /// Shows every secret, of which devices may share one.
    pub(crate) fn each_secret(&self, mut show: impl FnMut(&[u8])) {
        self.secrets.iter().for_each(|secret| show(secret));
    }

    /// Bytes of every secret.
    pub(super) const SECRET_WIDTH: usize = SECRET_LEN;

    /// The device that sends request `n`.
    pub fn sender(&self, n: u64) -> Device<'_> {
        let devices = self.ids.len() as u64;
        let bits = || random::draw(self.plan.seed, n, ORDER_SALT);
        let at = match self.plan.order {
            Order::RoundRobin => n % devices,
            Order::Uniform => random::below(bits(), devices),
            Order::Zipf(_) => {
                let share = random::unit(bits());
                (self.cumulative.partition_point(|&sum| sum <= share) as u64).min(devices - 1)
            }
        } as usize;
        let secret = match self.plan.credentials {
            Credentials::Valid => Secret::Known(&self.secrets[at % self.secrets.len()]),
            Credentials::Invalid => Secret::Wrong {
                seed: self.plan.seed,
            },
        };
        Device {
            index: at,
            id: &self.ids[at],
            secret,
        }
    }
}

// By hand: no secret may reach a log.
impl std::fmt::Debug for Roster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Roster({}, {} devices)", self.plan.name, self.ids.len())
    }
}

impl std::fmt::Debug for Device<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({})", String::from_utf8_lossy(self.id))
    }
}

/// bcrypt hashes that were computed once, by secret and cost; shared by all variants of a run.
#[derive(Default)]
pub struct Hashes {
    known: HashMap<([u8; SECRET_LEN], u32), String>,
}

impl Hashes {
    /// How many hashes [`Hashes::registry`] would have to compute.
    pub fn missing(&self, rosters: &[Roster], cost: u32) -> usize {
        self.wanted(rosters, cost).len()
    }

    /// The registry (id, bcrypt hash) of all devices; hashes that are not known yet are computed on all cores.
    /// `progress` is told of each and says whether to go on; `None` if it did not.
    ///
    /// # Errors
    /// bcrypt refuses the cost.
    pub fn registry(
        &mut self,
        rosters: &[Roster],
        cost: u32,
        progress: &(dyn Fn() -> ControlFlow<()> + Sync),
    ) -> Result<Option<Vec<(String, String)>>, bcrypt::BcryptError> {
        let wanted = self.wanted(rosters, cost);
        let next = AtomicUsize::new(0);
        let computed = Mutex::new(Vec::with_capacity(wanted.len()));
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(wanted.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(secret) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let hash = hash(secret, cost);
                        computed
                            .lock()
                            .expect("a thread that hashes does not panic")
                            .push((*secret, hash));
                        if progress().is_break() {
                            return;
                        }
                    }
                });
            }
        });
        for (secret, hash) in computed
            .into_inner()
            .expect("a thread that hashes does not panic")
        {
            self.known.insert((secret, cost), hash?);
        }
        if self.missing(rosters, cost) > 0 {
            return Ok(None);
        }
        let registry = rosters
            .iter()
            .flat_map(|roster| {
                roster.ids.iter().enumerate().map(|(i, id)| {
                    let secret = roster.secrets[i % roster.secrets.len()];
                    (
                        String::from_utf8_lossy(id).into_owned(),
                        self.known[&(secret, cost)].clone(),
                    )
                })
            })
            .collect();
        Ok(Some(registry))
    }

    fn wanted(&self, rosters: &[Roster], cost: u32) -> Vec<[u8; SECRET_LEN]> {
        let mut wanted: Vec<_> = rosters
            .iter()
            .flat_map(|roster| roster.secrets.iter().copied())
            .filter(|secret| !self.known.contains_key(&(*secret, cost)))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }
}

impl std::fmt::Debug for Hashes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hashes({})", self.known.len())
    }
}

fn hash(secret: &[u8; SECRET_LEN], cost: u32) -> Result<String, bcrypt::BcryptError> {
    // The salt follows from the secret so that a run can be repeated exactly; these are test credentials.
    let word = |salt| {
        let half =
            |at: usize| u64::from_le_bytes(secret[at..at + 8].try_into().expect("eight bytes"));
        random::draw(half(0) ^ half(16), half(8) ^ half(24), BCRYPT_SALT + salt).to_le_bytes()
    };
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&word(0));
    salt[8..].copy_from_slice(&word(1));
    Ok(bcrypt::non_truncating_hash_with_salt(secret, cost, salt)?.to_string())
}

fn hex_secret(seed: u64, i: u64) -> [u8; SECRET_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let words = [
        random::draw(seed, i, SECRET_SALT),
        random::draw(seed, i, SECRET_SALT + 1),
    ];
    std::array::from_fn(|at| DIGITS[(words[at / 16] >> (60 - 4 * (at % 16)) & 15) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(devices: u32, secrets: u32, order: Order) -> Fleet {
        Fleet {
            name: "cars".to_owned(),
            devices,
            secrets,
            order,
            seed: 42,
            credentials: Credentials::Valid,
        }
    }

    fn sent(roster: &Roster, n: u64) -> (String, String) {
        let device = roster.sender(n);
        let mut secret = Vec::new();
        device.append_secret(n, &mut secret);
        (
            String::from_utf8(device.id.to_vec()).unwrap(),
            String::from_utf8(secret).unwrap(),
        )
    }

    #[test]
    fn what_is_sent_verifies_against_what_is_registered() {
        let roster = Roster::new(&fleet(5, 2, Order::RoundRobin));
        let mut hashes = Hashes::default();
        let rosters = [roster];
        assert_eq!(hashes.missing(&rosters, 4), 2);
        let registry: HashMap<String, String> = hashes
            .registry(&rosters, 4, &|| ControlFlow::Continue(()))
            .unwrap()
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(hashes.missing(&rosters, 4), 0);
        assert_eq!(registry.len(), 5);
        for n in 0..10 {
            let (id, secret) = sent(&rosters[0], n);
            assert_eq!(id, format!("cars-{:04}", n % 5));
            assert!(bcrypt::verify(&secret, &registry[&id]).unwrap());
            assert!(
                !format!("{:?} {:?} {hashes:?}", rosters[0], rosters[0].sender(n))
                    .contains(&secret)
            );
        }
    }

    #[test]
    fn hashing_ends_when_it_is_told_to() {
        let rosters = [Roster::new(&fleet(2_000, 2_000, Order::RoundRobin))];
        let mut hashes = Hashes::default();
        let stopped = hashes.registry(&rosters, 4, &|| ControlFlow::Break(()));
        assert_eq!(stopped.unwrap(), None);
        assert!(hashes.missing(&rosters, 4) > 0);
    }

    #[test]
    fn attackers_send_a_new_wrong_secret_each_time() {
        let mut plan = fleet(3, 3, Order::RoundRobin);
        plan.credentials = Credentials::Invalid;
        let (attackers, good) = (
            Roster::new(&plan),
            Roster::new(&fleet(3, 3, Order::RoundRobin)),
        );
        assert_eq!(sent(&attackers, 1).0, sent(&good, 1).0);
        assert_ne!(sent(&attackers, 1).1, sent(&good, 1).1);
        assert_ne!(sent(&attackers, 1).1, sent(&attackers, 4).1);
        assert_eq!(sent(&attackers, 1).1, sent(&attackers, 1).1);
    }

    #[test]
    fn orders_spread_requests_as_they_say() {
        let count = |order| {
            let roster = Roster::new(&fleet(4, 4, order));
            let mut counts = [0u32; 4];
            for n in 0..12_000 {
                counts[sent(&roster, n).0[5..].parse::<usize>().unwrap()] += 1;
            }
            counts
        };
        assert_eq!(count(Order::RoundRobin), [3_000; 4]);
        assert!(
            count(Order::Uniform)
                .iter()
                .all(|&n| n.abs_diff(3_000) < 250)
        );
        // 1, 1/2, 1/3, 1/4 over their sum 25/12.
        for (n, expected) in count(Order::Zipf(1.0))
            .into_iter()
            .zip([5_760u32, 2_880, 1_920, 1_440])
        {
            assert!(n.abs_diff(expected) < 250, "{n} beside {expected}");
        }
    }
}
