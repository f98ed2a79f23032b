-- The schema of ScrapInsta for MySQL 8.0+ and MariaDB 10.6+.
-- Generated from scrapinsta_ray/store/tables.py by `make schema`; a test compares the two.
-- Every state and transition of a task is in docs/architecture.md.

CREATE TABLE account_actions (
    id BIGINT NOT NULL AUTO_INCREMENT,
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    action VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    amount SMALLINT NOT NULL,
    at DATETIME(6) NOT NULL,
    CONSTRAINT pk_account_actions PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='what a bot account did lately: its sliding windows survive restarts and moves' COLLATE utf8mb4_bin;

CREATE INDEX ix_account_actions_window ON account_actions (username, action, at);

CREATE TABLE accounts (
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    password BLOB NOT NULL COMMENT 'sealed with the secret key',
    cookies MEDIUMBLOB COMMENT 'sealed likewise',
    status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'active, paused, needs_human, dead',
    status_reason VARCHAR(300),
    free_at DATETIME(6) NOT NULL COMMENT 'cooling down until then',
    cooldowns SMALLINT NOT NULL COMMENT 'in a row',
    failures SMALLINT NOT NULL COMMENT 'tasks in a row that failed',
    logins INTEGER NOT NULL COMMENT 'times the password was used',
    last_used_at DATETIME(6),
    last_signal VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin,
    created_at DATETIME(6) NOT NULL,
    next_at DATETIME(6) COMMENT 'no action before: the gap after the last one',
    slowness DOUBLE NOT NULL COMMENT 'gaps are so many times as long' DEFAULT '1',
    hours_from SMALLINT COMMENT 'works from this minute of its day; null: always',
    hours_to SMALLINT COMMENT 'until this minute; over midnight if it is the smaller',
    time_zone VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'of its hours: an IANA name, or an offset such as +02:00',
    totp_secret BLOB COMMENT 'sealed likewise; null: no second factor by app',
    CONSTRAINT pk_accounts PRIMARY KEY (username)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='bot accounts; one browser session each' COLLATE utf8mb4_bin;

CREATE TABLE api_keys (
    id VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the middle part of si_<id>_<secret>',
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_sha256 VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    scopes VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'words with blanks between',
    created_at DATETIME(6) NOT NULL,
    expires_at DATETIME(6),
    revoked_at DATETIME(6),
    last_used_at DATETIME(6) COMMENT 'to the minute',
    CONSTRAINT pk_api_keys PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_api_keys_client_id ON api_keys (client_id);

CREATE TABLE audit_log (
    id BIGINT NOT NULL AUTO_INCREMENT,
    at DATETIME(6) NOT NULL,
    actor VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'cli:<user>, key:<id>, token:<jti> or dispatcher',
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'whose things changed; empty: everybody''s',
    action VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject VARCHAR(100) NOT NULL COMMENT 'key, job, template, person, account',
    details JSON,
    CONSTRAINT pk_audit_log PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='who did what when; only ever added to' COLLATE utf8mb4_bin;

CREATE INDEX ix_audit_log_client ON audit_log (client_id, id);

CREATE TABLE clients (
    id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(100) NOT NULL,
    status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'active or suspended',
    messages_per_hour SMALLINT NOT NULL COMMENT 'per sending account',
    messages_per_day SMALLINT NOT NULL COMMENT 'per sending account',
    created_at DATETIME(6) NOT NULL,
    pulls_per_minute INTEGER NOT NULL DEFAULT '60',
    results_per_minute INTEGER NOT NULL DEFAULT '6000',
    enqueues_per_minute INTEGER NOT NULL DEFAULT '30',
    unfinished_tasks INTEGER NOT NULL COMMENT 'at most so many' DEFAULT '200000',
    CONSTRAINT pk_clients PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE followings (
    target_username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    position INTEGER NOT NULL COMMENT 'place in the target''s list, from 0',
    ig_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin,
    full_name VARCHAR(200),
    is_private BOOL,
    is_verified BOOL,
    seen_at DATETIME(6) NOT NULL,
    CONSTRAINT pk_followings PRIMARY KEY (target_username, username)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_followings_position ON followings (target_username, position);

CREATE TABLE job_tasks (
    id BIGINT NOT NULL AUTO_INCREMENT,
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'target, profile, or recipient',
    account VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'who must send it; empty: the fleet''s work',
    status VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'queued, delayed, sent, ok, error, cancelled',
    priority SMALLINT NOT NULL COMMENT '1 first',
    attempts SMALLINT NOT NULL,
    max_attempts SMALLINT NOT NULL,
    available_at DATETIME(6) COMMENT 'delayed: becomes queued then',
    lease_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'never used again once given out',
    lease_holder VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'bot account or client''s account that has it',
    lease_expires_at DATETIME(6) COMMENT 'sent: rescued then',
    maybe_sent BOOL NOT NULL,
    payload JSON,
    result JSON,
    reason_code VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'why it ended so, or why it waits',
    reason VARCHAR(500),
    created_at DATETIME(6) NOT NULL,
    finished_at DATETIME(6),
    template_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'whose text it carries: once per client, template and person',
    CONSTRAINT pk_job_tasks PRIMARY KEY (id),
    CONSTRAINT uq_job_tasks_job_id_username UNIQUE (job_id, username)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_job_tasks_due ON job_tasks (status, available_at);

CREATE INDEX ix_job_tasks_expiry ON job_tasks (status, lease_expires_at);

CREATE INDEX ix_job_tasks_job ON job_tasks (job_id, status);

CREATE INDEX ix_job_tasks_lease ON job_tasks (kind, status, client_id, account, priority, id);

CREATE INDEX ix_job_tasks_person ON job_tasks (client_id, username);

CREATE TABLE jobs (
    id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'job:<UUIDv7 in hex>: in the order of birth',
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'pending, running, done, error, cancelled, paused',
    account VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'the client''s sending account, if it sends',
    priority SMALLINT NOT NULL,
    max_attempts SMALLINT NOT NULL COMMENT 'of each of its tasks',
    params JSON NOT NULL,
    total_items INTEGER NOT NULL,
    skipped JSON COMMENT 'who was left out when tasks were made, counted by reason',
    campaign_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'the campaign whose stage this job is',
    stage SMALLINT NOT NULL COMMENT '1, 2, 3 within the campaign',
    reason_code VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'why it ended so, or why it waits',
    reason VARCHAR(500),
    idempotency_key VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin,
    created_at DATETIME(6) NOT NULL,
    finished_at DATETIME(6),
    request_id VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'of the request that made it',
    CONSTRAINT pk_jobs PRIMARY KEY (id),
    CONSTRAINT uq_jobs_client_id_idempotency_key UNIQUE (client_id, idempotency_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_jobs_campaign ON jobs (campaign_id, stage);

CREATE INDEX ix_jobs_newest ON jobs (client_id, id);

CREATE INDEX ix_jobs_status ON jobs (status, id);

CREATE TABLE leases (
    name VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    holder VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    epoch BIGINT NOT NULL COMMENT 'grows with every change of holder',
    expires_at DATETIME(6) NOT NULL,
    CONSTRAINT pk_leases PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='who alone may act as the dispatcher or as an account' COLLATE utf8mb4_bin;

CREATE TABLE media (
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ig_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    taken_at DATETIME(6),
    kind VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    likes BIGINT COMMENT 'null: hidden or not told; never 0 for unknown',
    comments BIGINT,
    views BIGINT,
    pinned BOOL NOT NULL,
    hidden BOOL NOT NULL,
    seen_at DATETIME(6) NOT NULL,
    CONSTRAINT pk_media PRIMARY KEY (username, code)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE messages_sent (
    id BIGINT NOT NULL AUTO_INCREMENT,
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    dest_username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    account VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    job_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    code VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'sent, or already_messaged when seen in the thread',
    sent_at DATETIME(6) NOT NULL,
    CONSTRAINT pk_messages_sent PRIMARY KEY (id),
    CONSTRAINT uq_messages_sent_client_id_dest_username UNIQUE (client_id, dest_username)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='the ledger: who was written to, once per client and person' COLLATE utf8mb4_bin;

CREATE INDEX ix_messages_sent_window ON messages_sent (client_id, account, sent_at);

CREATE TABLE meters (
    subject VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'a client; key:<id> or addr:<address> for log-ins',
    name VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'pulls, results, enqueues, failed_logins',
    full_at BIGINT NOT NULL COMMENT 'GCRA''s theoretical arrival time, microseconds',
    CONSTRAINT pk_meters PRIMARY KEY (subject, name)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='how much of each limit is used up' COLLATE utf8mb4_bin;

CREATE INDEX ix_meters_full ON meters (full_at);

CREATE TABLE metrics (
    name VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    labels VARCHAR(250) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'as Prometheus writes them: kind="send_message"',
    slot SMALLINT NOT NULL COMMENT 'a sum of several rows, so that writers rarely wait for each other',
    value DOUBLE NOT NULL,
    at DATETIME(6) COMMENT 'of a gauge: when it was so',
    CONSTRAINT pk_metrics PRIMARY KEY (name, labels, slot)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='counters, histograms by bucket, and gauges that processes tell' COLLATE utf8mb4_bin;

CREATE TABLE profile_scores (
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    model VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    engagement DOUBLE COMMENT '(likes + comments) / followers, per post',
    success DOUBLE COMMENT '0 to 1',
    parts JSON NOT NULL,
    scored_at DATETIME(6) NOT NULL,
    confidence DOUBLE COMMENT '0 to 1; null: none, or a model that says nothing of it',
    reason VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'why there is no score',
    CONSTRAINT pk_profile_scores PRIMARY KEY (username, model)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_profile_scores_best ON profile_scores (model, success);

CREATE TABLE profiles (
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ig_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin,
    full_name VARCHAR(200),
    biography TEXT,
    external_url VARCHAR(500),
    category VARCHAR(100),
    followers BIGINT,
    followings BIGINT,
    posts BIGINT,
    is_verified BOOL,
    is_business BOOL,
    source JSON NOT NULL COMMENT 'where each field was read',
    missing JSON NOT NULL COMMENT 'why a field is null',
    analyzed_at DATETIME(6) NOT NULL,
    rubro VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'its field, by keywords of category and biography',
    rubro_evidence JSON COMMENT 'the words that speak for it',
    CONSTRAINT pk_profiles PRIMARY KEY (username)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE revocations (
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'a token''s jti, or a job: all its tokens until now',
    at DATETIME(6) NOT NULL,
    expires_at DATETIME(6) NOT NULL COMMENT 'no token that it concerns lives longer',
    CONSTRAINT pk_revocations PRIMARY KEY (client_id, subject)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_revocations_expiry ON revocations (expires_at);

CREATE TABLE salts (
    name VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    value BLOB NOT NULL,
    CONSTRAINT pk_salts PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='random, made once: what the hashes of forgotten people are salted with' COLLATE utf8mb4_bin;

CREATE TABLE sending_accounts (
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    account VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    paused_until DATETIME(6) COMMENT 'set when the site limits this account',
    CONSTRAINT pk_sending_accounts PRIMARY KEY (client_id, account)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='a client''s own account, once the site has limited it' COLLATE utf8mb4_bin;

CREATE TABLE signing_keys (
    kid VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret BLOB NOT NULL COMMENT 'sealed with the secret key',
    created_at DATETIME(6) NOT NULL,
    retired_at DATETIME(6) COMMENT 'signs nothing new from then on',
    CONSTRAINT pk_signing_keys PRIMARY KEY (kid)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='what tokens are signed with; the newest signs, all verify' COLLATE utf8mb4_bin;

CREATE TABLE suppressions (
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'empty: nobody may write to this person',
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'or # and a salted hash: forgotten, never collected',
    reason VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at DATETIME(6) NOT NULL,
    CONSTRAINT pk_suppressions PRIMARY KEY (client_id, username)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE templates (
    id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'tpl:<UUIDv7 in hex>',
    version INTEGER NOT NULL COMMENT 'from 1; the newest is used',
    client_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(100) NOT NULL,
    text TEXT NOT NULL COMMENT 'with the fields of domain/messages.py',
    created_at DATETIME(6) NOT NULL,
    retired_at DATETIME(6),
    CONSTRAINT pk_templates PRIMARY KEY (id, version)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_templates_client ON templates (client_id, id);

CREATE TABLE visits (
    username VARCHAR(30) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    visited_at DATETIME(6) COMMENT 'null: never with an outcome',
    status VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'ok or error: how a task ends that reuses the visit',
    reason_code VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin COMMENT 'private, not_found; null: the profile is stored',
    reason VARCHAR(500),
    result JSON COMMENT 'of such a task',
    task_id BIGINT COMMENT 'who visits it, for as long as the task has this lease',
    lease_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin,
    CONSTRAINT pk_visits PRIMARY KEY (username)
)ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='when a profile was last visited for an analysis, so that others need not' COLLATE utf8mb4_bin;
