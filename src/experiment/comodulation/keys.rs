//! Every key of a comodulation experiment's TOML.

use crate::experiment::keys::{DATA, Key, Kind, OPTIMISER, key, optional};

pub(super) const SETTINGS: &[Key] = &[
    key("kind", Kind::Choice(&["comodulation"])),
    key("name", Kind::Text),
    key("title", Kind::Text),
    key("description", Kind::Text),
    key("data", Kind::Table(DATA)),
    key("network", Kind::Table(NETWORK)),
    key("modulator", Kind::Table(MODULATOR)),
    key("training", Kind::Table(TRAINING)),
    key("pretraining", Kind::Table(PRETRAINING)),
    key("adaptation", Kind::Table(ADAPTATION)),
    key("evaluation", Kind::Table(EVALUATION)),
    key("primary", Kind::Entries(TASK)),
    key("tasks", Kind::Entries(TASK)),
    key("arms", Kind::Entries(ARM)),
];

const NETWORK: &[Key] = &[
    key("width", Kind::Whole),
    key("stages", Kind::Whole),
    key("stem", Kind::Choice(&["small", "large"])),
    optional("weights", Kind::Text),
    key("encoder", Kind::Whole),
    key("modulated", Kind::Choice(&["first", "second", "both"])),
    key("decoder", Kind::Whole),
    key("residual", Kind::Flag),
    key("controller", Kind::Whole),
];

const MODULATOR: &[Key] = &[
    key("deviation", Kind::Number),
    key("count", Kind::Whole),
    key(
        "draws",
        Kind::Choice(&["gaussian", "antithetic", "moment-matched"]),
    ),
    key(
        "modulation",
        Kind::Choice(&["log-normal", "uncorrected", "linear"]),
    ),
    key("constant", Kind::Number),
    key("measure", Kind::Choice(&["covariance", "correlation"])),
    key("sign", Kind::Choice(&["rectified", "absolute"])),
    key("gains_for", Kind::Choice(&["task", "image"])),
    key("pass", Kind::Choice(&["constant", "fluctuating"])),
];

const TRAINING: &[Key] = &[
    key("batch", Kind::Whole),
    key("optimiser", Kind::Tagged(&OPTIMISER)),
    key("seeds", Kind::WholeList),
];

const PRETRAINING: &[Key] = &[
    key("epochs", Kind::WholeList),
    key("learning_rate", Kind::Number),
];

const ADAPTATION: &[Key] = &[
    key("shared_readout", Kind::Flag),
    key("iterations", Kind::Whole),
    key("learning_rate", Kind::Number),
];

const EVALUATION: &[Key] = &[key("limit", Kind::Whole)];

const TASK: &[Key] = &[
    key("name", Kind::Text),
    optional("classes", Kind::ContextList),
    optional("attribute", Kind::Text),
];

const ARM: &[Key] = &[
    key("name", Kind::Text),
    key("label", Kind::Text),
    key("controller", Kind::Flag),
    key(
        "gains",
        Kind::Choice(&["ones", "comodulation", "shuffled", "mean-activity"]),
    ),
    key("learnt", Kind::Choice(&["modulation", "weights"])),
];
