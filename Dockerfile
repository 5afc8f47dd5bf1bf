FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/cronapp
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY cronapp cronapp
COPY templates templates
COPY static static
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && wheel="$(echo /wheels/cronapp-*.whl)" \
 && /opt/cronapp/bin/pip install --no-cache-dir --constraint constraints.txt "$wheel[otel,postgres]"

FROM python:3.13-slim
# A fixed number, so that the owner of files in mounted folders is known beforehand.
RUN groupadd --gid 10001 cronapp \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin cronapp \
 && install --directory --owner 10001 --group 10001 /data
COPY --from=build /opt/cronapp /opt/cronapp
COPY deploy/alive.py /opt/cronapp/alive.py
COPY examples/tasks.py /app/tasks.py
COPY examples/data /app/data
ENV PATH="/opt/cronapp/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CRONAPP_TASKS=/app/tasks.py \
    CRONAPP_DATABASE=sqlite:////data/cronapp.db \
    CRONAPP_HOST=0.0.0.0 \
    CRONAPP_PORT=5000 \
    CRONAPP_WORKER_LISTEN=127.0.0.1:5001
WORKDIR /app
VOLUME /data
EXPOSE 5000
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "/opt/cronapp/alive.py"]
CMD ["cronapp", "serve"]
