/* ---- statistics of A/B tests, of any numbers; differences are b minus a, a the control ---- */

CREATE FUNCTION recsys.sample_ratio_p(observed int8[], expected float8[]) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_sample_ratio_p';
COMMENT ON FUNCTION recsys.sample_ratio_p(int8[], float8[]) IS
'probability that units would fall into arms this far or farther from the expected ratio (any scale), by Pearson''s chi-square; below .001 do not trust the experiment (Fabijan et al., KDD 2019)';

CREATE FUNCTION recsys.sequential_sample_ratio_p(observed int8[], expected float8[], concentration float8 DEFAULT 100) RETURNS float8
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_sequential_sample_ratio_p';
COMMENT ON FUNCTION recsys.sequential_sample_ratio_p(int8[], float8[], float8) IS
'the same check for counts that are looked at as often as one likes: the probability that this, or the smallest of all looks, is ever at most alpha is at most alpha where units fall by the expected ratio; 1 / BF, at most 1, BF = G(c) / G(c + N) * product of G(c t + x) / (G(c t) t^x) over the arms, G the gamma function, t an arm''s share of expected, x its units, N all units, c the concentration of the Dirichlet prior around the ratio: the larger, the smaller the deviations that it is best at, and the later they are found; 100 suits 1000 to a million units (Lindon and Malek, NeurIPS 2022, arXiv 2011.03567)';

CREATE FUNCTION recsys.two_proportions(successes_a int8, n_a int8, successes_b int8, n_b int8, alpha float8 DEFAULT 0.05,
	OUT difference float8, OUT z float8, OUT p_value float8, OUT lower float8, OUT upper float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_two_proportions';
COMMENT ON FUNCTION recsys.two_proportions(int8, int8, int8, int8, float8) IS
'successes_b / n_b less successes_a / n_a: the two-sided z test with the pooled variance; the interval of confidence 1 - alpha by Newcombe''s hybrid of Wilson scores (Statistics in Medicine 17, 1998, method 10)';

CREATE FUNCTION recsys.welch(mean_a float8, variance_a float8, n_a int8, mean_b float8, variance_b float8, n_b int8, alpha float8 DEFAULT 0.05,
	OUT difference float8, OUT t float8, OUT df float8, OUT p_value float8, OUT lower float8, OUT upper float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_welch';
COMMENT ON FUNCTION recsys.welch(float8, float8, int8, float8, float8, int8, float8) IS
'difference of two means from avg, var_samp and count: Welch''s t test, two-sided, and its interval of confidence 1 - alpha (Biometrika 34, 1947); df is NULL where neither arm varies';

CREATE FUNCTION recsys.ratio_difference(n_a int8, mean_a float8, variance_a float8, other_mean_a float8, other_variance_a float8, covariance_a float8,
	n_b int8, mean_b float8, variance_b float8, other_mean_b float8, other_variance_b float8, covariance_b float8, alpha float8 DEFAULT 0.05,
	OUT difference float8, OUT standard_error float8, OUT p_value float8, OUT lower float8, OUT upper float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_ratio_difference';
COMMENT ON FUNCTION recsys.ratio_difference(int8, float8, float8, float8, float8, float8, int8, float8, float8, float8, float8, float8, float8) IS
'difference of two ratios of means, such as clicks per view of users: mean, var_samp of the numerator, the same of the denominator (other), and their covar_samp; by the delta method, normal (Deng, Knoblich, Lu, KDD 2018)';

CREATE FUNCTION recsys.cuped(n_a int8, mean_a float8, variance_a float8, other_mean_a float8, other_variance_a float8, covariance_a float8,
	n_b int8, mean_b float8, variance_b float8, other_mean_b float8, other_variance_b float8, covariance_b float8, alpha float8 DEFAULT 0.05,
	OUT difference float8, OUT standard_error float8, OUT p_value float8, OUT lower float8, OUT upper float8,
	OUT theta float8, OUT variance_reduction float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_cuped';
COMMENT ON FUNCTION recsys.cuped(int8, float8, float8, float8, float8, float8, int8, float8, float8, float8, float8, float8, float8) IS
'difference of two means adjusted for a covariate from before the experiment (other): less theta times the covariates'' difference, theta their covariance within arms over its variance; variance_reduction is the share of the variance that this removes (Deng, Xu, Kohavi, Walker, WSDM 2013)';

CREATE FUNCTION recsys.sequential_interval(difference float8, standard_error float8, n int8, alpha float8 DEFAULT 0.05, planned_n int8 DEFAULT 10000,
	OUT lower float8, OUT upper float8, OUT p_value float8)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'recsys_sequential_interval';
COMMENT ON FUNCTION recsys.sequential_interval(float8, float8, int8, float8, int8) IS
'interval and p-value that hold however often one looks, of a difference with this standard error after n units of both arms: difference -+ standard_error * sqrt((v + 1) / v * (ln(v + 1) - 2 ln alpha)), v = n / planned_n * (ln(1 - 2 ln alpha) - 2 ln alpha), the normal-mixture martingale (Robbins 1970; Waudby-Smith et al., arXiv 2103.06476); tightest at planned_n, which must be chosen beforehand and stay';
