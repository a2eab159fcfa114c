/*-------------------------------------------------------------------------
 *
 * eigen.h
 *	  Eigenvalues and eigenvectors of a symmetric matrix.
 *
 *-------------------------------------------------------------------------
 */
#ifndef RS_EIGEN_H
#define RS_EIGEN_H

/*
 * a is symmetric, n x n, row-major, both triangles given.  Row i of it becomes
 * the unit eigenvector of value[i]; the order is any.  work has room for
 * 3 * n doubles.  Returns 0, or -1 if a is not finite.
 */
extern int	rs_eigen(int n, double *a, double *value, double *work);

#endif							/* RS_EIGEN_H */
