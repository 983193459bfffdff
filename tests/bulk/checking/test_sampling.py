from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_upstash_vector.bulk.checking.sampling import Sample

IDS = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=60)


def sampled(ids: list[str], size: int, seed: int) -> list[str]:
    sample = Sample(size, seed)
    for id in ids:
        sample.add(id)
    return sample.ids()


@given(IDS, st.integers(1, 20), st.integers(), st.randoms())
def test_the_sample_depends_on_seed_and_ids_alone(ids: list[str], size: int, seed: int, random: object) -> None:
    once = sampled(ids, size, seed)
    random.shuffle(ids)  # type: ignore[attr-defined]  # hypothesis' Random
    assert sampled(ids + ids[:5], size, seed) == once
    assert len(once) == min(size, len({*ids}))
    everything = sampled(ids, 1_000, seed)
    assert everything[:size] == once
    assert sorted(everything) == sorted({*ids})


def test_another_seed_samples_other_ids() -> None:
    ids = [f"v{n}" for n in range(10_000)]
    first, second = ({*sampled(ids, 1_000, seed)} for seed in (1, 2))
    assert 50 < len(first & second) < 150
    assert 400 < len([id for id in first if int(id[1:]) < 5_000]) < 600
