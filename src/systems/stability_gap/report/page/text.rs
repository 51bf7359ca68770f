//! What the page says whatever the results are.

use maud::{Markup, html};

use crate::report::page;
use crate::systems::stability_gap::report::measures;

/// What the measures are, and the two conventions of averaging.
pub(super) fn definitions() -> Markup {
    html! {
        section {
            h2 id="definitions" { "Definitions" }
            p {
                "After every iteration, or as many as " code { "evaluation.every" } " says, the network is "
                "tested on the first task, and with " code { "evaluation.tasks = \"all\"" } " on every task "
                "that a context has brought. These measures are of the first task alone, whether or not the "
                "others are tested; those over all tasks are defined beside their table. With "
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
                "every seed’s own curve is measured, then mean ± sample standard deviation over the seeds "
                "are taken. "
                strong { "Of the seed-averaged curve: " }
                "the curves are averaged first, and the average is measured once, as in table 1 of the "
                "paper. Minima of different seeds fall on different iterations, so that the average curve’s "
                "minimum is never below the average of the minima. Tables here are per seed unless they say otherwise."
            }
        }
    }
}
