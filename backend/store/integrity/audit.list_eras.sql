-- Periods in which all decisions were made in one space: the last decision before each period, and its last one.
WITH decided AS (
  SELECT assign_seq,
         coalesce(decided_space_id, space_id) AS space,
         lag(coalesce(decided_space_id, space_id)) OVER (ORDER BY assign_seq) AS before,
         lag(assign_seq) OVER (ORDER BY assign_seq) AS before_seq
    FROM membership
), begun AS (
  SELECT space, coalesce(before_seq, 0) AS after_seq FROM decided WHERE space IS DISTINCT FROM before
)
SELECT space, after_seq,
       coalesce(lead(after_seq) OVER (ORDER BY after_seq), (SELECT max(assign_seq) FROM membership)) AS last_seq
  FROM begun
 ORDER BY after_seq
