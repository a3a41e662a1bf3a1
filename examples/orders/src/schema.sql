-- Postgres and SQLite both understand this. It is executed at each start.

CREATE TABLE IF NOT EXISTS stock (
    item TEXT PRIMARY KEY,
    cents BIGINT NOT NULL,
    available BIGINT NOT NULL CHECK (available >= 0)
);

CREATE TABLE IF NOT EXISTS orders (
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    item TEXT NOT NULL,
    quantity BIGINT NOT NULL,
    cents BIGINT NOT NULL,
    status TEXT NOT NULL,
    parcel TEXT
);

-- The idempotency keys of steps that have written.
CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY);

INSERT INTO stock (item, cents, available) VALUES ('teapot', 2400, 1000), ('unicorn', 990000, 0)
    ON CONFLICT DO NOTHING;
