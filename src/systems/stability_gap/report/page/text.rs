//! The fixed text of the page.

use maud::{Markup, html};

use crate::report::page;
use crate::systems::stability_gap::report::measures;

/// The definitions of the measures, and the two conventions of averaging.
pub(super) fn definitions() -> Markup {
    html! {
        section {
            h2 id="definitions" { "Definitions" }
            p {
                "Every " code { "evaluation.every" } " iterations (default 1) the network is tested on the first "
                "task, or, with " code { "evaluation.tasks = \"all\"" } ", on every task seen so far. The following "
                "measures are of the first task only; the measures over all tasks are defined at their table. With "
                i { "a" sub { "t" } } " the accuracy on the first task at the end of context " i { "t" } ", "
                i { "m" sub { "t" } } " the smallest accuracy within it, and " i { "K" } " contexts:"
            }
            dl {
                dt { "avg-ACC" }
                dd { "mean of " i { "a" sub { "t" } } " over all contexts" }
                dt { "avg-min-ACC" }
                dd { "mean of " i { "m" sub { "t" } } " over the contexts from the second on" }
                dt { "WC-ACC" }
                dd { i { "a" sub { "K" } } "/" i { "K" } " + (1 − 1/" i { "K" } ") · avg-min-ACC" }
                dt { "SG" sub { "t" } ", avg-SG" }
                dd {
                    "stability gap (" i { "a" sub { "t−1" } } " − " i { "m" sub { "t" } } ")/"
                    i { "a" sub { "t−1" } } " of context " i { "t" } " from the second on, and its mean"
                }
                dt { "recovery" }
                dd {
                    "iterations from the switch until the accuracy is back at 99 % of "
                    i { "a" sub { "t−1" } } " after it first fell below; 0 where it never does"
                }
                (page::definitions(&measures()))
            }
            p {
                "Two conventions of averaging are in use. "
                strong { "Per seed: " }
                "each seed’s curve is measured, then mean ± sample standard deviation over the seeds are "
                "computed. "
                strong { "Of the seed-averaged curve: " }
                "the curves are averaged first, and the average is measured once, as in table 1 of the "
                "paper. The minima of different seeds occur at different iterations, so the minimum of the average "
                "curve is never below the average of the minima. Tables here are per seed unless they say otherwise."
            }
        }
    }
}
