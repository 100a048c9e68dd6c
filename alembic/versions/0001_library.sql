-- The tables of the first release. backend/store/schema.py describes what each one holds; a test proves that both agree.
-- Constraints without a name here have the name that Postgres gives them, which is also SQLAlchemy's by our convention.

CREATE SEQUENCE media_upload_seq;
CREATE SEQUENCE membership_assign_seq;

CREATE TABLE media (
  id uuid PRIMARY KEY,
  sha256 bytea UNIQUE,
  title text NOT NULL DEFAULT '',
  caption text NOT NULL DEFAULT '',
  keywords text[] NOT NULL DEFAULT '{}',
  location text NOT NULL DEFAULT '',
  story text NOT NULL DEFAULT '',
  ocr_text text NOT NULL DEFAULT '',
  taken_at timestamptz,
  taken_at_precision text NOT NULL DEFAULT '',
  taken_at_source text NOT NULL DEFAULT '',
  exif jsonb NOT NULL DEFAULT '{}',
  folders text[] NOT NULL DEFAULT '{}',
  warnings jsonb NOT NULL DEFAULT '[]',
  width integer,
  height integer,
  mime text,
  byte_size bigint,
  original_key text,
  file_name text NOT NULL DEFAULT '',
  source text NOT NULL,
  source_uri text,
  status text NOT NULL,
  error_code text,
  error_detail text,
  duplicate_of uuid REFERENCES media ON DELETE CASCADE,
  attempts integer NOT NULL DEFAULT 0,
  lease_token uuid,
  lease_until timestamptz,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  upload_seq bigint UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  embedded_at timestamptz,
  ready_at timestamptz,
  perceptual_hash bigint,
  request_id text,
  CONSTRAINT media_lease_is_whole_check CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
  CONSTRAINT media_sha256_length_check CHECK (octet_length(sha256) = 32),
  CONSTRAINT media_status_has_its_facts_check CHECK (
    CASE status
      WHEN 'fetching' THEN source_uri IS NOT NULL AND upload_seq IS NULL
      WHEN 'pending' THEN sha256 IS NOT NULL AND original_key IS NOT NULL AND upload_seq IS NOT NULL
      WHEN 'embedded' THEN (sha256 IS NOT NULL AND original_key IS NOT NULL
        OR source = 'embeddings' AND sha256 IS NULL AND original_key IS NULL) AND upload_seq IS NOT NULL
        AND embedded_at IS NOT NULL AND lease_token IS NULL
      WHEN 'ready' THEN (sha256 IS NOT NULL AND original_key IS NOT NULL
        OR source = 'embeddings' AND sha256 IS NULL AND original_key IS NULL) AND upload_seq IS NOT NULL
        AND embedded_at IS NOT NULL AND ready_at IS NOT NULL AND lease_token IS NULL
      WHEN 'failed' THEN error_code IS NOT NULL AND lease_token IS NULL
      WHEN 'duplicate' THEN duplicate_of IS NOT NULL AND lease_token IS NULL
      ELSE false
    END
  )
);
CREATE INDEX media_created_at_idx ON media (created_at, id);
-- Filters of a search.
CREATE INDEX media_keywords_idx ON media USING gin (folded_keywords(keywords));
CREATE INDEX media_location_idx ON media USING gin (folded_trigrams(location));
CREATE INDEX media_mime_idx ON media (mime);
CREATE INDEX media_source_idx ON media (source);
-- And the order by date.
CREATE INDEX media_taken_at_idx ON media (taken_at, id);
CREATE INDEX media_failed_idx ON media (created_at) WHERE status = 'failed';
CREATE INDEX media_fetching_idx ON media (created_at) WHERE status = 'fetching';
CREATE INDEX media_work_idx ON media (status, upload_seq) WHERE status IN ('pending', 'embedded');
-- Without it, each deletion reads the whole table.
CREATE INDEX media_duplicate_of_idx ON media (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE INDEX media_ready_at_idx ON media (ready_at) WHERE ready_at IS NOT NULL;
-- By which a lease is renewed and handed back.
CREATE INDEX media_lease_token_idx ON media (lease_token) WHERE lease_token IS NOT NULL;

CREATE TABLE space (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  preset text,
  image_model text NOT NULL,
  image_checkpoint text NOT NULL,
  text_model text NOT NULL,
  image_fingerprint text NOT NULL,
  text_fingerprint text NOT NULL,
  image_dimension integer NOT NULL,
  text_dimension integer NOT NULL,
  description jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('building', 'active', 'retired', 'dropped')),
  centroid_version bigint NOT NULL DEFAULT '0',
  created_at timestamptz NOT NULL DEFAULT now(),
  activated_at timestamptz
);
CREATE UNIQUE INDEX space_one_active_idx ON space (state) WHERE state = 'active';
-- A dropped space stays, because decisions were made in it; its name is free again.
CREATE UNIQUE INDEX space_name_idx ON space (name) WHERE state <> 'dropped';

-- create_space_storage() adds one partition for each space.
CREATE TABLE embedding (
  space_id integer REFERENCES space,
  media_id uuid REFERENCES media ON DELETE CASCADE,
  image_embedding vector NOT NULL,
  text_embedding vector,
  caption_embedding vector,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- The transaction that wrote the row: the vector scan finds new rows by it.
  written_by bigint DEFAULT pg_current_xact_id()::text::bigint,
  PRIMARY KEY (space_id, media_id)
) PARTITION BY LIST (space_id);
CREATE INDEX embedding_written_by_idx ON embedding (written_by) WHERE written_by IS NOT NULL;

CREATE TABLE space_fill (
  space_id integer PRIMARY KEY REFERENCES space,
  actor text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  paused_at timestamptz,
  rate_per_minute double precision,
  next_claim_at timestamptz NOT NULL DEFAULT now(),
  closing_until timestamptz,
  wanted_until timestamptz,
  comparison jsonb,
  compared_at timestamptz,
  problem text,
  CONSTRAINT space_fill_rate_check CHECK (rate_per_minute > 0)
);

CREATE TABLE space_fill_item (
  space_id integer REFERENCES space_fill,
  media_id uuid REFERENCES media ON DELETE CASCADE,
  attempts integer NOT NULL DEFAULT 0,
  lease_token uuid,
  lease_until timestamptz,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  error_code text,
  error_detail text,
  PRIMARY KEY (space_id, media_id),
  CONSTRAINT space_fill_item_lease_is_whole_check CHECK ((lease_token IS NULL) = (lease_until IS NULL))
);
CREATE INDEX space_fill_item_media_id_idx ON space_fill_item (media_id);
CREATE INDEX space_fill_item_lease_token_idx ON space_fill_item (lease_token) WHERE lease_token IS NOT NULL;

CREATE TABLE space_work (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('create', 'compare', 'activate', 'rollback')),
  subject text NOT NULL,
  arguments jsonb NOT NULL,
  actor text NOT NULL,
  address text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  stage text NOT NULL DEFAULT '',
  done integer NOT NULL DEFAULT 0,
  total integer NOT NULL DEFAULT 0,
  ended_at timestamptz,
  outcome text,
  error_code text,
  error_detail text,
  error_hint text,
  CONSTRAINT space_work_ends_in_one_way_check CHECK (
    (ended_at IS NULL AND num_nonnulls(outcome, error_code) = 0)
    OR (ended_at IS NOT NULL AND num_nonnulls(outcome, error_code) = 1)
  )
);

CREATE TABLE encoder_holder (
  process text,
  space_id integer REFERENCES space,
  failure text,
  is_ready boolean NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (process, space_id)
);

CREATE TABLE background (
  space_id integer REFERENCES space,
  kind text CHECK (kind IN ('words', 'media', 'captions')),
  content jsonb NOT NULL,
  media_count bigint NOT NULL CHECK (media_count >= 0),
  sampled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (space_id, kind)
);

CREATE TABLE cluster (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  label text NOT NULL DEFAULT '',
  label_origin text NOT NULL DEFAULT 'auto' CHECK (label_origin IN ('auto', 'curator')),
  representative_media_id uuid REFERENCES media ON DELETE SET NULL,
  representative_origin text NOT NULL DEFAULT 'auto' CHECK (representative_origin IN ('auto', 'curator')),
  locked boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  locked_at timestamptz,
  labelled_members bigint
);
CREATE INDEX cluster_representative_media_id_idx ON cluster (representative_media_id);
CREATE INDEX cluster_unlabelled_idx ON cluster (id) WHERE labelled_members IS NULL;
-- The wall sorts groups without a label last. Folding ten thousand labels for each page takes 65 ms.
-- An index holds 2,704 bytes of a row, and labels may be longer.
CREATE INDEX cluster_label_idx ON cluster ((label = ''), lower("left"(label, 200)), id);

CREATE TABLE label_statistics (
  space_id integer PRIMARY KEY REFERENCES space,
  content jsonb NOT NULL,
  media_count bigint NOT NULL CHECK (media_count >= 0),
  centroid_version bigint,
  counted_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE centroid (
  space_id integer REFERENCES space,
  cluster_id bigint REFERENCES cluster ON DELETE CASCADE,
  embedding_sum double precision[] NOT NULL,
  member_count integer NOT NULL CHECK (member_count > 0),
  centroid vector NOT NULL,
  PRIMARY KEY (space_id, cluster_id)
);
CREATE INDEX centroid_cluster_id_idx ON centroid (cluster_id);
CREATE INDEX centroid_size_idx ON centroid (space_id, member_count DESC, cluster_id);
-- The mean cosine of the members to their centroid. Computing it for ten thousand groups on each page takes 220 ms.
CREATE INDEX centroid_cohesion_idx
  ON centroid (space_id, (vector_norm(embedding_sum::vector) / member_count::double precision), cluster_id);
-- Floats do not compress, and trying costs more than the assignment itself.
ALTER TABLE centroid ALTER COLUMN embedding_sum SET STORAGE EXTERNAL;

CREATE TABLE cluster_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  actor text NOT NULL,
  before jsonb NOT NULL,
  after jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  summary text NOT NULL DEFAULT '',
  cluster_ids bigint[] NOT NULL DEFAULT '{}',
  media_ids uuid[] NOT NULL DEFAULT '{}',
  target_event_id bigint REFERENCES cluster_event,
  undone_by bigint REFERENCES cluster_event
);
CREATE INDEX cluster_event_target_event_id_idx ON cluster_event (target_event_id);
CREATE INDEX cluster_event_cluster_ids_idx ON cluster_event USING gin (cluster_ids);
CREATE INDEX cluster_event_media_ids_idx ON cluster_event USING gin (media_ids);

CREATE TABLE membership (
  media_id uuid PRIMARY KEY REFERENCES media ON DELETE CASCADE,
  cluster_id bigint NOT NULL REFERENCES cluster,
  space_id integer NOT NULL REFERENCES space,
  similarity double precision NOT NULL,
  runner_up_cluster_id bigint,
  runner_up_similarity double precision,
  margin double precision,
  threshold double precision NOT NULL,
  founder boolean NOT NULL,
  assign_seq bigint NOT NULL DEFAULT nextval('membership_assign_seq') UNIQUE,
  origin text NOT NULL DEFAULT 'auto' CHECK (origin IN ('auto', 'curator')),
  created_at timestamptz NOT NULL DEFAULT now(),
  event_id bigint REFERENCES cluster_event,
  decided_space_id integer REFERENCES space,
  decided_threshold double precision,
  CONSTRAINT membership_decided_elsewhere_check CHECK ((decided_space_id IS NULL) = (decided_threshold IS NULL))
);
CREATE INDEX membership_members_idx ON membership (cluster_id, similarity DESC, media_id);

CREATE TABLE membership_figures (
  space_id integer REFERENCES space,
  -- No foreign key to media or cluster: a row that outlives them says that a centroid must be summed again.
  media_id uuid,
  cluster_id bigint NOT NULL,
  assign_seq bigint NOT NULL,
  similarity double precision NOT NULL,
  runner_up_cluster_id bigint,
  runner_up_similarity double precision,
  margin double precision,
  threshold double precision,
  decided_space_id integer,
  decided_threshold double precision,
  PRIMARY KEY (space_id, media_id)
);

CREATE TABLE cluster_cannot_link (
  cluster_a bigint REFERENCES cluster ON DELETE CASCADE,
  cluster_b bigint REFERENCES cluster ON DELETE CASCADE,
  event_id bigint REFERENCES cluster_event,
  PRIMARY KEY (cluster_a, cluster_b, event_id),
  CONSTRAINT cluster_cannot_link_order_check CHECK (cluster_a < cluster_b)
);
CREATE INDEX cluster_cannot_link_cluster_b_idx ON cluster_cannot_link (cluster_b);

CREATE TABLE threshold_choice (
  event_id bigint PRIMARY KEY REFERENCES cluster_event,
  space_id integer NOT NULL REFERENCES space,
  threshold double precision NOT NULL CHECK (threshold > 0 AND threshold <= 1)
);

CREATE TABLE alpha_choice (
  event_id bigint PRIMARY KEY REFERENCES cluster_event,
  space_id integer NOT NULL REFERENCES space,
  alpha double precision NOT NULL CHECK (alpha >= 0 AND alpha <= 1)
);

CREATE TABLE near_duplicate (
  media_id uuid PRIMARY KEY REFERENCES media ON DELETE CASCADE,
  space_id integer REFERENCES space,
  keeper_media_id uuid REFERENCES media ON DELETE SET NULL,
  similarity double precision,
  compared_at timestamptz
);
CREATE INDEX near_duplicate_keeper_media_id_idx ON near_duplicate (keeper_media_id);
CREATE INDEX near_duplicate_members_idx ON near_duplicate (keeper_media_id, media_id)
  WHERE media_id <> keeper_media_id;
CREATE INDEX near_duplicate_waiting_idx ON near_duplicate (media_id) WHERE keeper_media_id IS NULL;

CREATE TABLE not_near_duplicate (
  media_a uuid REFERENCES media ON DELETE CASCADE,
  media_b uuid REFERENCES media ON DELETE CASCADE,
  actor text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (media_a, media_b),
  CONSTRAINT not_near_duplicate_order_check CHECK (media_a < media_b)
);
CREATE INDEX not_near_duplicate_media_b_idx ON not_near_duplicate (media_b);

CREATE TABLE marked_for_deletion (
  media_id uuid PRIMARY KEY REFERENCES media ON DELETE CASCADE,
  keeper_media_id uuid NOT NULL REFERENCES media ON DELETE CASCADE,
  actor text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT marked_for_deletion_keeper_check CHECK (media_id <> keeper_media_id)
);
CREATE INDEX marked_for_deletion_keeper_media_id_idx ON marked_for_deletion (keeper_media_id);

CREATE TABLE exact_copy (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  media_id uuid NOT NULL REFERENCES media ON DELETE CASCADE,
  source text NOT NULL,
  source_uri text NOT NULL DEFAULT '',
  times_sent integer NOT NULL DEFAULT 1,
  first_sent_at timestamptz NOT NULL DEFAULT now(),
  last_sent_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (media_id, source, source_uri)
);
CREATE INDEX exact_copy_newest_idx ON exact_copy (last_sent_at, id);

CREATE TABLE media_reading (
  media_id uuid NOT NULL REFERENCES media ON DELETE CASCADE,
  file_key bytea NOT NULL,
  said jsonb NOT NULL DEFAULT '{}',
  given jsonb NOT NULL DEFAULT '{}',
  sidecars integer NOT NULL DEFAULT 0,
  rewritten_sha256 bytea,
  PRIMARY KEY (media_id, file_key)
);
CREATE INDEX media_reading_file_key_idx ON media_reading (file_key) WHERE file_key <> ''::bytea;

CREATE TABLE review_item (
  kind text,
  subject text,
  urgency double precision NOT NULL,
  media_id uuid REFERENCES media ON DELETE CASCADE,
  cluster_id bigint NOT NULL,
  other_cluster_id bigint,
  figures jsonb NOT NULL,
  PRIMARY KEY (kind, subject)
);
CREATE INDEX review_item_page_idx ON review_item (kind, urgency DESC, subject);
CREATE INDEX review_item_media_id_idx ON review_item (media_id);

CREATE TABLE review_decision (
  kind text,
  subject text,
  decision text NOT NULL CHECK (decision IN ('accept', 'correct', 'dismiss')),
  urgency double precision NOT NULL,
  media_id uuid REFERENCES media ON DELETE CASCADE,
  event_id bigint REFERENCES cluster_event,
  actor text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  cluster_id bigint,
  other_cluster_id bigint,
  figures jsonb,
  PRIMARY KEY (kind, subject)
);
CREATE INDEX review_decision_media_id_idx ON review_decision (media_id);

CREATE TABLE review_refresh (
  space_id integer PRIMARY KEY REFERENCES space,
  centroid_version bigint NOT NULL,
  refreshed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE judged_picture (
  sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
  content bytea NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE judgement (
  query_kind text CHECK (query_kind IN ('words', 'media', 'picture')),
  query text,
  media_id uuid REFERENCES media ON DELETE CASCADE,
  query_media_id uuid REFERENCES media ON DELETE CASCADE,
  is_right boolean NOT NULL,
  actor text NOT NULL,
  judged_at timestamptz NOT NULL DEFAULT now(),
  query_sha256 bytea REFERENCES judged_picture,
  PRIMARY KEY (query_kind, query, media_id),
  CONSTRAINT judgement_query_is_whole_check CHECK (
    CASE query_kind
      WHEN 'media' THEN query_media_id IS NOT NULL AND query = query_media_id::text
        AND query_media_id <> media_id AND query_sha256 IS NULL
      WHEN 'picture' THEN query_media_id IS NULL AND query_sha256 IS NOT NULL
        AND split_part(query, ' ', 1) = encode(query_sha256, 'hex')
      ELSE query_media_id IS NULL AND query_sha256 IS NULL AND query <> ''
    END
  )
);
CREATE INDEX judgement_media_id_idx ON judgement (media_id);
CREATE INDEX judgement_query_media_id_idx ON judgement (query_media_id);
CREATE INDEX judgement_query_sha256_idx ON judgement (query_sha256);
CREATE INDEX judgement_judged_at_idx ON judgement (judged_at);

CREATE TABLE recall_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  space_id integer NOT NULL REFERENCES space,
  k integer NOT NULL CHECK (k > 0),
  sampled integer NOT NULL CHECK (sampled > 0),
  fused jsonb NOT NULL,
  fused_index jsonb NOT NULL,
  legs jsonb NOT NULL,
  audited_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX recall_audit_space_id_idx ON recall_audit (space_id);

CREATE TABLE search_effort (
  space_id integer REFERENCES space,
  sides text CHECK (sides IN ('both', 'image', 'text')),
  k integer CHECK (k > 0),
  alpha double precision CHECK (alpha BETWEEN 0 AND 1),
  effort integer NOT NULL CHECK (effort >= 0),
  recall double precision NOT NULL CHECK (recall BETWEEN 0 AND 1),
  media_count bigint NOT NULL CHECK (media_count > 0),
  measured_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (space_id, sides, k, alpha)
);

CREATE TABLE quality_report (
  space_id integer REFERENCES space,
  kind text CHECK (kind IN ('similarities', 'thresholds', 'map', 'evaluation')),
  content jsonb NOT NULL,
  points bytea,
  media_count bigint NOT NULL CHECK (media_count >= 0),
  centroid_version bigint NOT NULL,
  failure text,
  measured_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (space_id, kind)
);

CREATE TABLE histogram (
  name text PRIMARY KEY,
  bounds double precision[] NOT NULL,
  counts bigint[] NOT NULL,
  total double precision NOT NULL,
  CONSTRAINT histogram_a_count_per_bucket_check CHECK (cardinality(counts) = cardinality(bounds) + 1)
);

CREATE TABLE pause (
  singleton boolean DEFAULT true PRIMARY KEY CHECK (singleton),
  actor text NOT NULL,
  paused_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE worker_heartbeat (
  worker text PRIMARY KEY,
  tasks text[] NOT NULL,
  busy_since timestamptz,
  tasks_done bigint NOT NULL,
  started_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE operations_sample (
  minute timestamptz PRIMARY KEY,
  fetching integer NOT NULL,
  pending integer NOT NULL,
  embedded integer NOT NULL,
  failed integer NOT NULL,
  uploads integer NOT NULL,
  embeddings integer NOT NULL,
  groupings integer NOT NULL,
  embed_seconds double precision,
  group_seconds double precision,
  original_bytes bigint
);

CREATE TABLE idempotency_key (
  caller text,
  key text,
  fingerprint bytea NOT NULL,
  media_id uuid NOT NULL,
  claim_token uuid,
  claimed_until timestamptz,
  status integer,
  answer jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (caller, key),
  CONSTRAINT idempotency_key_claimed_or_answered_check CHECK (
    (status IS NULL) = (answer IS NULL)
    AND (answer IS NULL) = (claim_token IS NOT NULL)
    AND (claim_token IS NULL) = (claimed_until IS NULL)
  )
);
CREATE INDEX idempotency_key_created_at_idx ON idempotency_key (created_at);

CREATE TABLE api_key (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  token_sha256 bytea NOT NULL UNIQUE,
  scope text NOT NULL CHECK (scope IN ('read', 'upload', 'curate', 'admin')),
  origins text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT api_key_token_sha256_length_check CHECK (octet_length(token_sha256) = 32)
);

CREATE TABLE account (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE,
  role text NOT NULL CHECK (role IN ('admin', 'curator')),
  password_hash text,
  created_at timestamptz NOT NULL DEFAULT now(),
  password_changed_at timestamptz,
  last_login_at timestamptz
);

CREATE TABLE account_session (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
  token_sha256 bytea NOT NULL UNIQUE,
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  address text NOT NULL,
  user_agent text NOT NULL,
  CONSTRAINT account_session_token_sha256_length_check CHECK (octet_length(token_sha256) = 32)
);
CREATE INDEX account_session_account_id_idx ON account_session (account_id);

CREATE TABLE login_link (
  token_sha256 bytea PRIMARY KEY,
  account_id integer NOT NULL REFERENCES account ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CONSTRAINT login_link_token_sha256_length_check CHECK (octet_length(token_sha256) = 32)
);
CREATE INDEX login_link_account_id_idx ON login_link (account_id);

CREATE TABLE login_attempt (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_name text NOT NULL,
  network text NOT NULL,
  attempted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX login_attempt_attempted_at_idx ON login_attempt (attempted_at);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  act text NOT NULL,
  subject text NOT NULL,
  details jsonb NOT NULL DEFAULT '{}',
  address text NOT NULL
);
CREATE INDEX audit_log_recorded_at_idx ON audit_log (recorded_at);
CREATE TRIGGER audit_log_rows BEFORE UPDATE OR DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();
CREATE TRIGGER audit_log_all BEFORE TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
CREATE INDEX audit_log_rewritten_idx ON audit_log (subject) WHERE act = 'media.rewritten';

CREATE TABLE webhook (
  id uuid PRIMARY KEY,
  url text NOT NULL,
  secret text NOT NULL,
  events text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE webhook_delivery (
  id uuid DEFAULT gen_random_uuid() PRIMARY KEY,
  webhook_id uuid NOT NULL REFERENCES webhook ON DELETE CASCADE,
  event text NOT NULL,
  body jsonb NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz,
  abandoned_at timestamptz,
  last_error text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhook_delivery_due_idx ON webhook_delivery (next_attempt_at)
  WHERE delivered_at IS NULL AND abandoned_at IS NULL;
CREATE INDEX webhook_delivery_webhook_id_idx ON webhook_delivery (webhook_id);

-- Empty until publish_space() points it at the first space.
CREATE VIEW media_embedding AS
SELECT media_id, image_embedding, text_embedding, caption_embedding, NULL::halfvec AS fused_embedding
  FROM embedding
 WHERE false;
