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


@pytest.mark.parametrize("kind", ["gap", "plasticity"])
def test_a_partial_run_has_every_column(request, kind, program, tmp_path):
    """Of a run without a complete job, the measures are NaN, with the same columns; no pair has differences."""
    whole = request.getfixturevalue(kind)
    copy = shutil.copytree(whole.path, tmp_path / "copy")
    shutil.rmtree(copy / "weights")
    (copy / "summary.json").unlink()
    for path in (copy / "runs").iterdir():
        if path.suffix == ".csv" and "-1" in path.stem and path.stem.count("-") == 1:
            path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
        else:
            path.unlink()
    program("report", copy)
    partial = neurogain.open_run(copy)
    found, measures = neurogain.measures(partial), neurogain.measures(whole)
    assert list(found.columns) == list(measures.columns)
    assert len(found) > 0 and not (found.status == "complete").any()
    names = found.columns[4:]
    assert "average_accuracy" in names or "final_accuracy" in names
    assert found[names].isna().all().all() and (found.dtypes[names] == float).all()
    summary = neurogain.summary(partial)
    assert list(summary.columns) == list(neurogain.summary(whole).columns)
    assert (summary["count"] == 0).all() and summary["mean"].isna().all()
    differences = neurogain.differences(partial)
    assert differences.empty
    assert list(differences.columns) == list(neurogain.differences(whole).columns)


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
    summary = neurogain.summary(run)
    of = methods.split(",")[0]
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
