//! Profiles of several launches of one program as one, in which each launch is a slice: how much functions differ from launch to launch
//! is measured then, instead of assumed.

use super::error::Error;
use super::stacks::Profile;
use super::weight::Weight;

/// All samples of some launches; `None` without any. Type, unit and period are those of the first.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Overflow`] as of [`Profile::add`].
pub fn of_launches(launches: &[&Profile]) -> Result<Option<Profile>, Error> {
    let Some(first) = launches.first() else {
        return Ok(None);
    };
    let lengths = launches.iter().map(|launch| launch.duration_ns());
    let mut all = Profile::new(first.sample_type(), first.unit(), first.period_ns())
        .with_duration_ns(lengths.fold(0, u64::saturating_add))
        .counting(first.counts());
    for (launch, profile) in launches.iter().enumerate() {
        all.note_all(profile.notes().iter().cloned());
        // Beyond the limit on slices they count as none.
        let slice = u8::try_from(launch).ok();
        for stack in profile.stacks() {
            let ids = stack.frames.iter().map(|name| all.intern(name));
            let ids = ids.collect::<Result<Vec<u32>, Error>>()?;
            all.add_ids(ids, Weight::of(stack.samples, stack.value), slice)?;
        }
    }
    Ok(Some(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_launch_is_a_slice() {
        let launch = |f: u64, g: u64| {
            let mut profile = Profile::new("cpu", "nanoseconds", 10).with_duration_ns(7);
            profile.add(["main", "f"], f, f * 10).unwrap();
            profile.add(["main", "g"], g, g * 10).unwrap();
            profile
        };
        let (one, two) = (launch(3, 1), launch(0, 5));
        let all = of_launches(&[&one, &two]).unwrap().unwrap();
        assert_eq!(all.slices(), [4, 5]);
        assert_eq!((all.samples(), all.value(), all.duration_ns()), (9, 90, 14));
        let stacks: Vec<_> = all.stacks().map(|stack| stack.samples).collect();
        assert_eq!(stacks, [3, 6]);
        assert_eq!(all.kind(), one.kind());
        assert!(of_launches(&[]).unwrap().is_none());
    }
}
