//! `order`: whether variants that are compared take turns.

use toml::Spanned;

use super::resolver::Resolver;
use crate::scenario::plan::{ComparisonPlan, Order, Plan};
use crate::scenario::read::error::Error;
use crate::scenario::read::file::Text;
use crate::units::printable;

impl Resolver<'_> {
    /// What the scenario asks for, if it does.
    pub(super) fn order(&self, given: Option<&Text>) -> Result<Option<Order>, Error> {
        let Some(given) = given else { return Ok(None) };
        match given.get_ref().as_str() {
            "turns" => Ok(Some(Order::Turns)),
            "one-by-one" => Ok(Some(Order::OneByOne)),
            other => {
                let message = format!("`{other}` is not \"turns\" or \"one-by-one\"");
                Err(self.error(given.span(), "order", message))
            }
        }
    }

    /// The pairs of the plan that take turns. Where the scenario says nothing, variants that cannot go one by one, and a note says why.
    pub(super) fn pairs(
        &self,
        given: Option<&Text>,
        plan: &mut Plan,
    ) -> Result<Vec<ComparisonPlan>, Error> {
        let order = self.order(given)?;
        if order.unwrap_or(Order::OneByOne) == Order::OneByOne {
            return Ok(Vec::new());
        }
        let mut pairs = Vec::new();
        for pair in plan.comparisons.clone() {
            let Some(why) = plan.apart(pair) else {
                pairs.push(pair);
                continue;
            };
            let name = |at: usize| printable(&plan.variants[at].name).into_owned();
            let both = format!("`{}` and `{}`", name(pair.base), name(pair.head));
            if order.is_some() {
                let message = format!(
                    "{both} cannot take turns: {why}; use \"one-by-one\", or leave `order` out"
                );
                return Err(self
                    .source
                    .error(given.map(Spanned::span), "order", message));
            }
            plan.notes
                .push(format!("{both} are loaded one by one: {why}"));
        }
        Ok(pairs)
    }
}
