//! The rules that concern several settings.

use super::{EvaluatedTasks, Settings};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::learn::Passes;
use crate::run::check_data;
use crate::run::continual::{check_methods, check_stream};
use crate::run::settings::require;

impl Settings {
    /// Checks the rules that concern several settings.
    pub(super) fn check(&self) -> Result<()> {
        check_data(&self.data)?;
        check_stream(&self.stream, self.data.source)?;
        self.check_tasks()?;
        self.check_evaluation()?;
        check_methods(&self.methods, &self.network)
    }

    fn check_tasks(&self) -> Result<()> {
        let contexts = &self.stream.contexts;
        if self.stream.tasks.is_some() || self.evaluation.tasks != EvaluatedTasks::All {
            return Ok(());
        }
        let tasks = self.stream.kind.tasks(contexts);
        let expected = "something new in each context, because evaluation.tasks = \"all\"";
        match tasks.iter().position(Vec::is_empty) {
            Some(at) => {
                let found = format!("{:?}", contexts[at]);
                Err(Error::setting("stream.contexts", found, expected))
            }
            None => Ok(()),
        }
    }

    fn check_evaluation(&self) -> Result<()> {
        let evaluation = &self.evaluation;
        let alike = evaluation.passes != Passes::One && !evaluation.test_time_augmentation;
        let expected = "\"one\": without evaluation.test_time_augmentation all passes are alike";
        require(
            !alike,
            "evaluation.passes",
            evaluation.passes.name(),
            expected,
        )?;
        let (every, stream) = (self.evaluation.every, &self.stream);
        if stream.lacks_iterations() {
            return Ok(());
        }
        let contexts = stream.iterations_per_context.as_deref();
        let contexts = contexts.unwrap_or(core::slice::from_ref(&stream.iterations));
        for &iterations in contexts {
            let expected = format!("a divisor of stream.iterations = {iterations}");
            let divides = iterations.is_multiple_of(every);
            require(divides, "evaluation.every", every, expected)?;
        }
        Ok(())
    }

    /// The settings with the iterations of `stream.epochs`, for these training samples: one epoch is the number of
    /// iterations that draw as many samples as the context has.
    ///
    /// # Errors
    /// [`Error::Setting`] for contexts that cannot be built from these samples.
    pub fn with_epochs_counted(&self, training: &Dataset) -> Result<Settings> {
        self.validate()?;
        let batch = self.training.batch;
        let stream = self.stream.with_epochs_counted(training, batch)?;
        let settings = Settings {
            stream,
            ..self.clone()
        };
        settings.validate()?;
        Ok(settings)
    }
}
