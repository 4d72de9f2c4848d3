//! `order`: whether variants that are compared take turns.

use super::resolver::Resolver;
use crate::scenario::plan::{ComparisonPlan, Plan};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::Text;
use crate::units::printable;

impl Resolver<'_> {
    /// The pairs of the plan that take turns. Unless the scenario says otherwise, those that can; where it asks for turns, all.
    pub(super) fn pairs(
        &self,
        given: Option<&Text>,
        plan: &Plan,
    ) -> Result<Vec<ComparisonPlan>, Error> {
        let Some(given) = given else {
            let pairs = plan.comparisons.iter().copied();
            return Ok(pairs.filter(|pair| plan.apart(*pair).is_none()).collect());
        };
        let refused = |message: String| Err(self.error(given.span(), "order", message));
        match given.get_ref().as_str() {
            "turns" => {}
            "one-by-one" => return Ok(Vec::new()),
            other => {
                return refused(format!("`{other}` is not \"turns\" or \"one-by-one\""));
            }
        }
        for pair in &plan.comparisons {
            if let Some(why) = plan.apart(*pair) {
                let name = |at: usize| printable(&plan.variants[at].name).into_owned();
                let (base, head) = (name(pair.base), name(pair.head));
                return refused(format!(
                    "`{base}` and `{head}` cannot take turns: {why}; use \"one-by-one\", or leave `order` out"
                ));
            }
        }
        Ok(plan.comparisons.clone())
    }
}
