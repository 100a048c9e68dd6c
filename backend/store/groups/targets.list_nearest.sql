-- Groups by the cosine of their centroid to that of a given group, in the active space.
SELECT other.cluster_id, 1 - (other.centroid <=> this.centroid) AS similarity
  FROM centroid AS this
  JOIN centroid AS other ON other.space_id = this.space_id AND other.cluster_id <> this.cluster_id
 WHERE this.cluster_id = :cluster_id AND this.space_id = {active_space}
 ORDER BY similarity DESC, other.cluster_id
 LIMIT :limit
