"""The tables agree with each other, with the definitions of the measures, and with the program's own files."""

import shutil

import neurogain
import numpy
import pandas
import pytest


@pytest.fixture(params=["gap", "comodulation", "plasticity"])
def run(request):
    return request.getfixturevalue(request.param)


CONDITIONS = ["method", "epochs", "labelled_samples"]


def test_summary_is_the_mean_of_the_measures(run):
    """For comodulation, whose measures are of tasks, first over the tasks of a seed."""
    summary, measures = neurogain.summary(run), neurogain.measures(run)
    conditions = [name for name in CONDITIONS if name in summary]
    assert list(summary.columns[:2]) == ["method", "label"]
    of_seeds = measures.groupby([*conditions, "seed"]).mean(numeric_only=True)
    grouped = of_seeds.groupby(conditions)
    expected = {"mean": grouped.mean(), "standard_deviation": grouped.std()}
    assert len(summary) > 10
    for row in summary.to_dict("records"):
        place = tuple(row[name] for name in conditions)
        place = place[0] if len(place) == 1 else place
        assert row["count"] == 3
        for name, table in expected.items():
            assert row[name] == pytest.approx(table.loc[place, row["measure"]], abs=1e-12), row


def test_differences_are_paired(run):
    found, measures = neurogain.differences(run), neurogain.measures(run)
    conditions = [name for name in CONDITIONS[1:] if name in found]
    of_seeds = measures.groupby([*conditions, "method", "seed"]).mean(numeric_only=True)
    for row in found.to_dict("records"):
        place = tuple(row[name] for name in conditions)
        first, second = (of_seeds.loc[(*place, row[name])][row["measure"]] for name in ("method", "other"))
        paired = first - second
        assert row["mean"] == pytest.approx(paired.mean(), abs=1e-12), row
        # The ends of the interval are means of resampled differences.
        assert paired.min() - 1e-12 <= row["low"] <= row["high"] <= paired.max() + 1e-12
    assert {"label", "other", "other_label"} < set(found.columns)


def test_measures_follow_their_definitions_from_the_records(gap):
    """avg-ACC, avg-min-ACC, WC-ACC and avg-SG, from the accuracies of every iteration."""
    records = neurogain.records(gap)
    assert len(records) == 4 * 3 * 5 * 8
    for row in neurogain.measures(gap).to_dict("records"):
        own = records[(records.method == row["method"]) & (records.seed == row["seed"])]
        contexts = own.groupby("context").test_accuracy
        last, least = contexts.last().to_numpy(), contexts.min().to_numpy()
        minimum = least[1:].mean()
        assert row["status"] == "complete"
        assert row["average_accuracy"] == pytest.approx(last.mean())
        assert row["average_minimum_accuracy"] == pytest.approx(minimum)
        assert row["worst_case_accuracy"] == pytest.approx(last[-1] / 5 + 4 / 5 * minimum)
        assert row["average_gap"] == pytest.approx(((last[:-1] - least[1:]) / last[:-1]).mean())


def test_records_are_the_arrays_of_the_histories(run):
    """Every number of the CSV files is that of the npz files, to the last bit."""
    for name, job in run.jobs.items():
        table = neurogain.records(run, [name])
        history = neurogain.history(run, name)
        layers = history.pop("layers", [])
        assert set(table.job) == {name} and set(table.seed) == {job.seed}
        for column, values in history.items():
            if values.ndim == 1:
                columns = {column: values}
            else:
                columns = {f"{column}_{layer}": values[:, at] for at, layer in enumerate(layers)}
            for heading, expected in columns.items():
                numpy.testing.assert_array_equal(table[heading].to_numpy(float), expected, heading)


def test_records_of_the_parts_are_told_apart(plasticity, comodulation):
    parts = neurogain.records(plasticity)
    assert set(parts.part) == {"stream", "fresh", "again"}
    found = neurogain.records(comodulation)
    assert set(found.method) == {"pretraining", "readouts", "attention", "comodulation"}
    assert set(found.labelled_samples.dropna()) == {10, 20}


def test_a_sweep_is_the_tables_of_its_cells(sweep):
    assert sweep.name == "split-digits"
    assert sweep.grid == {"gain.eta": [0.1, 0.2], "stream.iterations": [4]}
    for table in (neurogain.summary, neurogain.measures, neurogain.differences, neurogain.records):
        found = table(sweep)
        assert list(found.columns[:3]) == ["cell", "gain.eta", "stream.iterations"]
        for cell in sweep.cells:
            own = found[found.cell == cell.number]
            assert set(own["gain.eta"]) == {cell.settings["gain.eta"]}
            expected = table(cell.run)
            pandas.testing.assert_frame_equal(own[expected.columns].reset_index(drop=True), expected)


def test_the_summary_of_a_sweep_is_its_csv(sweep):
    csv = pandas.read_csv(sweep.path / "sweep.csv")
    summary = neurogain.summary(sweep)
    for row in csv.to_dict("records"):
        own = summary[(summary.cell == row["cell"]) & (summary.method == row["method"])]
        assert own["gain.eta"].iloc[0] == row["gain.eta"]
        for measure in own.to_dict("records"):
            assert row[f"{measure['measure']}_mean"] == pytest.approx(measure["mean"])


def test_tasks_of_measures_are_those_of_the_csv(comodulation):
    csv = pandas.read_csv(comodulation.path / "measures.csv")
    found = neurogain.measures(comodulation)
    assert set(found.columns) == {*csv.columns, "label", "status"}
    assert set(found.status) == {"complete"}
    pandas.testing.assert_frame_equal(found[csv.columns], csv, check_dtype=False)


def beginning(whole, folder, keep):
    """A copy of a run of which only these jobs have begun: those with the value True are as in `whole`, the others are
    interrupted after two steps. The report is not written."""
    copy = shutil.copytree(whole.path, folder / "copy")
    shutil.rmtree(copy / "weights")
    (copy / "summary.json").unlink()
    for path in (copy / "runs").iterdir():
        if path.stem not in keep:
            path.unlink()
        elif not keep[path.stem]:
            if path.suffix == ".csv":
                path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
            else:
                path.unlink()
    return copy


@pytest.mark.parametrize("kind", ["gap", "comodulation", "plasticity"])
def test_a_partial_run_has_every_row_and_column(request, kind, program, tmp_path):
    """Of a run without a complete job, the measures are NaN, with the same columns; no pair has differences."""
    whole = request.getfixturevalue(kind)
    jobs = {"gap": {"sgd-1": False}, "plasticity": {"sgd-1": False, "sgd-2": True, "neumosync-3-fresh": True}}
    jobs["comodulation"] = {"pretraining-1-1": True, "readouts-1-1": True, "attention-1-10-1": False}
    copy = beginning(whole, tmp_path, jobs[kind])
    program("report", copy)
    partial = neurogain.open_run(copy)

    found, measures = neurogain.measures(partial), neurogain.measures(whole)
    names = whole.summary["measures"]
    assert list(found.columns) == list(measures.columns) and list(found.columns[-len(names) :]) == names
    assert found[names].isna().all().all() and (found.dtypes[names] == float).all()
    # Those of a complete run, without its tasks.
    rows = [name for name in [*CONDITIONS, "label", "seed"] if name in found]
    pandas.testing.assert_frame_equal(found[rows], measures[rows].drop_duplicates(ignore_index=True))
    begun = {
        "gap": {("sgd", 1)},
        "comodulation": {("attention", 1)},
        # Its transfer is not complete.
        "plasticity": {("sgd", 1), ("sgd", 2), ("neumosync", 3)},
    }
    for row in found.to_dict("records"):
        is_begun = (row["method"], row["seed"]) in begun[kind] and row.get("labelled_samples", 10) == 10
        assert row["status"] == ("interrupted" if is_begun else "not begun"), row

    summary, expected = neurogain.summary(partial), neurogain.summary(whole)
    assert list(summary.columns) == list(expected.columns)
    assert set(summary.method) == set(expected.method)
    assert (summary["count"] == 0).all() and (summary.diverged == 0).all()
    assert summary[["mean", "standard_deviation", "standard_error"]].isna().all().all()
    differences = neurogain.differences(partial)
    assert differences.empty
    assert list(differences.columns) == list(neurogain.differences(whole).columns)


def test_rows_of_complete_and_other_jobs(comodulation, program, tmp_path):
    """A method with one complete seed beside methods without one."""
    start = {f"{name}-1-{seed}": True for name in ("pretraining", "readouts") for seed in (1, 2)}
    copy = beginning(comodulation, tmp_path, start | {"attention-1-20-2": True})
    program("report", copy)
    partial = neurogain.open_run(copy)
    found, whole = neurogain.measures(partial), neurogain.measures(comodulation)
    own = found[found.status == "complete"]
    is_it = (whole.method == "attention") & (whole.labelled_samples == 20) & (whole.seed == 2)
    pandas.testing.assert_frame_equal(own.reset_index(drop=True), whole[is_it].reset_index(drop=True))
    others = found[found.status == "not begun"]
    assert len(others) == 2 * 2 * 3 - 1 and len(own) + len(others) == len(found)
    assert others[["task", "samples"]].isna().all().all()
    summary = neurogain.summary(partial)
    counted = summary[summary["count"] > 0]
    assert set(counted.method) == {"attention"} and set(counted.labelled_samples) == {20}
    # The others have the same measures.
    for _, rows in summary.groupby(["method", "labelled_samples"]):
        assert list(rows.measure) == list(counted.measure)


@pytest.mark.parametrize("kind", ["split-digits", "comodulation-digits", "short-digits"])
def test_methods_whose_every_seed_diverged_have_rows(program, kind):
    """They are in the tables like those of the program's own: with the numbers of seeds, and without a mean."""
    settings, methods = {
        "split-digits": (["training.learning_rate=1e6", "stream.iterations=8"], "msgd,adam"),
        "comodulation-digits": (
            [
                "adaptation.learning_rates=[1e30]",
                "pretraining.epochs=[1]",
                "data.samples=100",
                "readouts.iterations=3",
                "adaptation.iterations=3",
                "network.width=2",
            ],
            "attention",
        ),
        "short-digits": (["training.learning_rate=1e30", "data.samples=100", "stream.tasks=2"], "sgd"),
    }[kind]
    arguments = ("run", kind, "--seeds", "1..2", "--methods", methods, "--out", "run")
    run = neurogain.open_run(program(*arguments, settings=settings, code=1) / "run")
    summary, measures = neurogain.summary(run), neurogain.measures(run)
    of = methods.split(",")[0]
    assert set(measures[measures.method == of].status) == {"diverged"} and (measures.method == of).sum() == 2
    own = summary[summary.method == of]
    assert (own["count"] == 0).all() and (own.diverged == 2).all()
    assert own[["mean", "standard_deviation", "standard_error"]].isna().all().all()
    others = summary[summary.method != of]
    if kind == "split-digits":
        assert (others["count"] == 2).all() and (others.diverged == 0).all()
        assert list(own.measure) == list(others.measure)
    else:
        assert others.empty and list(own.measure) == run.summary["measures"]


def test_one_seed_has_no_deviation(resnet):
    summary = neurogain.summary(resnet)
    assert (summary["count"] == 1).all() and summary["mean"].notna().all()
    assert summary[["standard_deviation", "standard_error"]].isna().all().all()


def test_a_run_and_a_sweep_are_printed_in_a_line(gap, sweep):
    """In a notebook; the settings and the summary would be pages."""
    for of in (gap, sweep):
        assert len(repr(of)) < 300 and repr(of.path) in repr(of)
